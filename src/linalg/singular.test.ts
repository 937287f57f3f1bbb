import { Matrix as Oracle, SingularValueDecomposition } from 'ml-matrix';
import { expect, test } from 'vitest';
import { normalRows, type Rows } from './randomized.ts';
import { topSingular } from './singular.ts';

const oneThread = { threads: 1 };

/** A random matrix scaled column by column, so that its singular values fall. */
function falling(rows: number, columns: number, base: number): Rows {
  const random = normalRows(rows, columns, 3);
  return { ...random, data: random.data.map((x, i) => x * base ** (i % columns)) };
}

const row = ({ data, columns }: Rows, i: number) => data.subarray(i * columns, (i + 1) * columns);
const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((sum, value, i) => sum + value * (y[i] as number), 0);

test('the largest singular values and vectors are those of ml-matrix', async () => {
  const a = falling(60, 40, 0.8);
  const found = await topSingular(a, 6, oneThread);
  const oracle = new SingularValueDecomposition(Oracle.from1DArray(60, 40, a.data));
  for (let i = 0; i < 6; i++) {
    expect((found.values[i] as number) / (oracle.diagonal[i] as number)).toBeCloseTo(1, 6);
    const left = oracle.leftSingularVectors.getColumn(i);
    const right = oracle.rightSingularVectors.getColumn(i);
    expect(Math.abs(dot(row(found.left, i), left))).toBeCloseTo(1, 5);
    expect(dot(row(found.left, i), left) * dot(row(found.right, i), right)).toBeCloseTo(1, 5); // one sign for both
  }
});

test('a matrix of low rank is rebuilt, and what lies beyond its rank is 0', async () => {
  const [b, c] = [normalRows(30, 3, 1), normalRows(3, 20, 2)];
  const data = new Float32Array(600);
  for (let i = 0; i < 30; i++) {
    for (let j = 0; j < 20; j++) {
      data[i * 20 + j] = dot(row(b, i), [c.data[j], c.data[20 + j], c.data[40 + j]] as number[]);
    }
  }
  const { left, values, right } = await topSingular({ rows: 30, columns: 20, data }, 5, oneThread);
  expect(Math.max(...values.subarray(3))).toBeLessThan(1e-5 * (values[0] as number));
  for (let i = 0; i < 30; i++) {
    for (let j = 0; j < 20; j++) {
      const rebuilt = [0, 1, 2, 3, 4].reduce(
        (sum, k) => sum + (row(left, k)[i] as number) * (values[k] as number) * (row(right, k)[j] as number),
        0,
      );
      expect(rebuilt).toBeCloseTo(data[i * 20 + j] as number, 4);
    }
  }
});

test('values a thousandth of the largest keep three digits, and vectors are orthonormal', async () => {
  const sizes = [1000, 100, 10, 1, 0.5, 0.25];
  const data = new Float32Array(36);
  for (const [i, size] of sizes.entries()) data[i * 6 + ((i + 2) % 6)] = size;
  const { values, right } = await topSingular({ rows: 6, columns: 6, data }, 4, oneThread);
  for (let i = 0; i < 4; i++) {
    expect((values[i] as number) / (sizes[i] as number)).toBeCloseTo(1, 3);
    for (let j = 0; j <= i; j++) expect(dot(row(right, i), row(right, j))).toBeCloseTo(i === j ? 1 : 0, 5);
  }
});

test('a matrix of zeros has singular values of 0', async () => {
  const zeros = { rows: 4, columns: 3, data: new Float32Array(12) };
  const { values, left } = await topSingular(zeros, 2, oneThread);
  expect([...values]).toEqual([0, 0]);
  expect([...left.data]).toEqual(Array(8).fill(0));
});

test('the same matrix gives the same bytes', async () => {
  const [first, second] = [
    await topSingular(falling(30, 20, 0.9), 4, oneThread),
    await topSingular(falling(30, 20, 0.9), 4, oneThread),
  ];
  expect(first).toEqual(second);
});
