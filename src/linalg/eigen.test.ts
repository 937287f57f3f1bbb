import { EigenvalueDecomposition, Matrix as Oracle } from 'ml-matrix';
import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../base/index.ts';
import { symmetricEigen } from './eigen.ts';
import { type Matrix, matrix, multiply, transposed } from './matrix.ts';

const random = normalFrom(randomFrom(1));

function randomSymmetric(size: number): Matrix {
  const half = matrix(
    size,
    size,
    Array.from({ length: size * size }, () => random()),
  );
  return { ...half, data: half.data.map((x, i) => x + (transposed(half).data[i] as number)) };
}

function diagonal(values: ArrayLike<number>): Matrix {
  const d = matrix(values.length, values.length);
  for (let i = 0; i < values.length; i++) d.data[i * values.length + i] = values[i] as number;
  return d;
}

const distance = (a: Matrix, b: Matrix) => Math.max(...a.data.map((x, i) => Math.abs(x - (b.data[i] as number))));

test.each([1, 2, 3, 8, 41])('%i eigenvectors are orthonormal and rebuild the matrix', (size) => {
  const a = randomSymmetric(size);
  const { values, vectors } = symmetricEigen(a);
  expect([...values]).toEqual([...values].sort((x, y) => y - x));
  expect(distance(multiply(vectors, transposed(vectors)), diagonal(Array(size).fill(1)))).toBeLessThan(1e-13);
  const rebuilt = multiply(multiply(transposed(vectors), diagonal(values)), vectors);
  expect(distance(rebuilt, a)).toBeLessThan(1e-13 * size);
});

test('eigenvalues are those of ml-matrix', () => {
  const a = randomSymmetric(23);
  const { realEigenvalues } = new EigenvalueDecomposition(Oracle.from1DArray(a.rows, a.columns, [...a.data]));
  const expected = realEigenvalues.sort((x, y) => y - x);
  for (const [i, value] of symmetricEigen(a).values.entries()) expect(value).toBeCloseTo(expected[i] as number, 11);
});

test('the second difference has the eigenvalues 2 - 2 cos(j pi / (n + 1))', () => {
  const size = 10;
  const a = diagonal(Array(size).fill(2));
  for (let i = 1; i < size; i++) {
    a.data[i * size + i - 1] = -1;
    a.data[(i - 1) * size + i] = -1;
  }
  for (const [i, value] of symmetricEigen(a).values.entries()) {
    expect(value).toBeCloseTo(2 - 2 * Math.cos(((size - i) * Math.PI) / (size + 1)), 13);
  }
});

test('equal eigenvalues, zeros and a diagonal are no special case', () => {
  expect([...symmetricEigen(diagonal([2, 5, 2, 0])).values]).toEqual([5, 2, 2, 0]);
  expect([...symmetricEigen(matrix(3, 3)).values]).toEqual([0, 0, 0]);
  const ones = symmetricEigen(matrix(3, 3, Array(9).fill(1)));
  expect(ones.values[0]).toBeCloseTo(3, 14);
  expect(Math.abs(ones.vectors.data[0] as number)).toBeCloseTo(1 / Math.sqrt(3), 14);
  expect(ones.values[2]).toBeCloseTo(0, 14);
});

test('values that are not finite are refused', () => {
  expect(() => symmetricEigen(matrix(2, 2, [1, Number.NaN, Number.NaN, 1]))).toThrow('NaN or Inf');
});
