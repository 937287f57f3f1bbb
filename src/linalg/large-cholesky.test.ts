import { CholeskyDecomposition, inverse as inverseOf, Matrix as Oracle } from 'ml-matrix';
import { afterAll, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../base/index.ts';
import { NotPositiveDefinite, openCholesky } from './large-cholesky.ts';
import { type Matrix, matrix, multiply, transposed } from './matrix.ts';

const inDouble = await openCholesky('f64', { threads: 1 });
const inSingle = await openCholesky('f32', { threads: 1 });
afterAll(() => Promise.all([inDouble.dispose(), inSingle.dispose()]));

/** A second moment of 2 n normal rows with a ridge. */
function secondMoment(n: number): Matrix {
  const normal = normalFrom(randomFrom(n));
  const rows = matrix(
    2 * n,
    n,
    Array.from({ length: 2 * n * n }, () => normal()),
  );
  const a = multiply(transposed(rows), rows);
  for (let i = 0; i < n; i++) a.data[i * n + i] = (a.data[i * n + i] as number) + 1;
  return a;
}

const largest = (values: Iterable<number>) => Math.max(...[...values].map(Math.abs));
const distance = (a: Matrix<Float32Array | Float64Array>, b: ArrayLike<number>) =>
  largest(a.data.map((x, i) => x - (b[i] as number))) / largest(Array.from(b));
const toDouble = (a: Matrix<Float32Array>): Matrix => ({ ...a, data: Float64Array.from(a.data) });
const diagonal = (values: readonly number[]) => {
  const a = matrix(values.length, values.length);
  for (const [i, x] of values.entries()) a.data[i * values.length + i] = x;
  return a;
};

// below one panel, one panel, a panel and a row, and two and three levels of halves that are not equal
test.each([1, 5, 64, 65, 129, 200])('the factor of %i rows and its inverse are those of ml-matrix', async (n) => {
  const a = secondMoment(n);
  const expected = new CholeskyDecomposition(Oracle.from1DArray(n, n, a.data)).lowerTriangularMatrix;
  const { lower, inverse } = await inDouble.factor(a);
  expect(distance(lower, expected.to1DArray())).toBeLessThan(1e-13);
  expect(distance(inverse, inverseOf(expected).to1DArray())).toBeLessThan(1e-12);
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(inverse.data[i * n + j]).toBe(0);
});

test.each([7, 64, 150])('the inverse of %i rows is that of ml-matrix, symmetric to the bit', async (n) => {
  const a = secondMoment(n);
  const found = await inDouble.inverse(a);
  expect(distance(found, inverseOf(Oracle.from1DArray(n, n, a.data)).to1DArray())).toBeLessThan(1e-12);
  expect(transposed(found).data).toEqual(found.data);
});

test('the inverse factor is upper triangular, and U^T U is the inverse', async () => {
  const a = secondMoment(130);
  const before = a.data.slice();
  const upper = await inDouble.inverseFactor(a);
  expect(distance(multiply(multiply(transposed(upper), upper), a), diagonal(Array(130).fill(1)).data)).toBeLessThan(
    1e-12,
  );
  for (let i = 0; i < 130; i++) for (let j = 0; j < i; j++) expect(upper.data[i * 130 + j]).toBe(0);
  expect(a.data).toEqual(before);
});

test('float32 products leave the rounding of float32', async () => {
  const a = secondMoment(200);
  const single = { ...a, data: Float32Array.from(a.data) };
  const { lower } = await inSingle.factor(single);
  const l = toDouble(lower);
  expect(distance(multiply(l, transposed(l)), a.data)).toBeLessThan(1e-6);
  expect(
    distance(multiply(toDouble(await inSingle.inverse(single)), a), diagonal(Array(200).fill(1)).data),
  ).toBeLessThan(1e-4);
});

test.each([0, 63, 64, 129])('pivot %i that is not positive is named', async (pivot) => {
  const values = Array(130).fill(2);
  values[pivot] = -3;
  for (const solve of [inDouble.factor, inDouble.inverseFactor]) {
    await expect(solve(diagonal(values))).rejects.toMatchObject({ pivot, value: -3 });
  }
});

test('a matrix that is only semidefinite fails at its first dependent row, and NaN where it stands', async () => {
  const rows = matrix(3, 2, [1, 0, 0, 1, 1, 1]);
  await expect(inDouble.inverse(multiply(rows, transposed(rows)))).rejects.toMatchObject({ pivot: 2, value: 0 });
  await expect(inDouble.factor(diagonal([1, Number.NaN]))).rejects.toThrow(NotPositiveDefinite);
});
