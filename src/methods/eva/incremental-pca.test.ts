import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { afterAll, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { explainedRatios, type IncrementalPca, openIncrementalPca, type Pca } from './incremental-pca.ts';

const opened: IncrementalPca[] = [];
afterAll(async () => {
  for (const pca of opened) await pca.dispose();
});

async function after(batches: readonly Rows[], components: number, tau = 0.99): Promise<Pca[]> {
  const pca = await openIncrementalPca({ components, tau }, { threads: 1 });
  opened.push(pca);
  const states: Pca[] = [];
  for (const rows of batches) states.push(await pca.update(states.at(-1), rows));
  return states;
}

/** Rows whose element in column i is centre + size(i) times a normal number, then turned in the plane of 0 and 1. */
function normalBatch(rows: number, columns: number, size: (i: number) => number, centre = 0, seed = 1): Rows {
  const normal = normalFrom(randomFrom(seed));
  const data = new Float32Array(rows * columns);
  for (let at = 0; at < data.length; at++) data[at] = centre + size(at % columns) * normal();
  for (let at = 0; at < data.length; at += columns) {
    const [x, y] = [data[at] as number, data[at + 1] as number];
    [data[at], data[at + 1]] = [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y];
  }
  return { rows, columns, data };
}

const row = ({ data, columns }: Rows, i: number) => data.subarray(i * columns, (i + 1) * columns);
const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((sum, value, i) => sum + value * (y[i] as number), 0);

/** Mean, scatter matrix, its eigenvalues and vectors (rows) of all rows at once, in float64. */
function allAtOnce(batches: readonly Rows[]) {
  const rows = batches.flatMap((batch) => Array.from({ length: batch.rows }, (_, i) => [...row(batch, i)]));
  const all = new Matrix(rows);
  const mean = all.mean('column');
  const centred = all.subRowVector(mean);
  const eigen = new EigenvalueDecomposition(centred.transpose().mmul(centred), { assumeSymmetric: true });
  const order = eigen.realEigenvalues.map((_, i) => i).reverse();
  return {
    mean,
    values: order.map((i) => Math.sqrt(Math.max(0, eigen.realEigenvalues[i] as number))),
    vectors: order.map((i) => eigen.eigenvectorMatrix.getColumn(i)),
    spread: eigen.realEigenvalues.reduce((a, b) => a + b),
  };
}

// oracle 1
test('the spread is that of all rows where means are a thousand times their deviations', async () => {
  const batches = [30, 15, 55].map((rows, i) => normalBatch(rows, 12, () => 1, 1000, i));
  const pca = (await after(batches, 4)).at(-1) as Pca;
  expect(pca.spread / allAtOnce(batches).spread).toBeCloseTo(1, 4);
});

// oracle 1
test('uneven batches with all components kept give the components of all rows at once', async () => {
  const batches = [30, 15, 55, 60, 40].map((rows, i) => normalBatch(rows, 12, (j) => 1 + j / 4, 3, i));
  const pca = (await after(batches, 12)).at(-1) as Pca;
  const expected = allAtOnce(batches);
  expect(pca.seen).toBe(200);
  expect(pca.spread / expected.spread).toBeCloseTo(1, 6);
  for (let j = 0; j < 12; j++) {
    expect(pca.mean[j]).toBeCloseTo(expected.mean[j] as number, 6);
    expect((pca.values[j] as number) / (expected.values[j] as number)).toBeCloseTo(1, 5);
    expect(Math.abs(dot(row(pca.components, j), expected.vectors[j] as number[]))).toBeCloseTo(1, 4);
  }
  expect(explainedRatios(pca).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
});

test('batches with fewer rows than columns go from the left, with the same result', async () => {
  const batches = [9, 7, 8, 9].map((rows, i) => normalBatch(rows, 40, (j) => 0.5 ** j, 1, i));
  const pca = (await after(batches, 4)).at(-1) as Pca;
  const expected = allAtOnce(batches);
  for (let j = 0; j < 3; j++) {
    expect((pca.values[j] as number) / (expected.values[j] as number)).toBeCloseTo(1, 4);
    expect(Math.abs(dot(row(pca.components, j), expected.vectors[j] as number[]))).toBeCloseTo(1, 3);
  }
});

// oracle 2
test('what is cut off costs little where the spectrum falls, and a flat tail never converges', async () => {
  const size = (i: number) => (i < 24 ? 20 * 0.8 ** i : 0.05);
  const batches = Array.from({ length: 60 }, (_, i) => normalBatch(64, 256, size, 0, i));
  const states = await after(batches, 32);
  const [pca, expected] = [states.at(-1) as Pca, allAtOnce(batches)];
  const converged = (state: Pca) => state.converged.filter(Boolean).length;
  for (let j = 0; j < 24; j++) expect((pca.values[j] as number) / (expected.values[j] as number)).toBeCloseTo(1, 2);
  const ratios = explainedRatios(pca);
  for (let j = 0; j < 24; j++) expect(ratios[j]).toBeCloseTo((expected.values[j] as number) ** 2 / expected.spread, 3);
  expect(converged(states[0] as Pca)).toBe(0);
  expect(converged(states[20] as Pca)).toBeGreaterThanOrEqual(22);
  expect(converged(pca)).toBeLessThan(30);
}, 60_000);

// oracle 3
test('a large mean is no component', async () => {
  const batches = [1, 2, 3].map((seed) => normalBatch(80, 16, (i) => 1 + i / 16, 50, seed));
  const { components, mean } = (await after(batches, 3)).at(-1) as Pca;
  const length = Math.sqrt(dot(mean, mean));
  expect(Math.abs(dot(row(components, 0), mean)) / length).toBeLessThan(0.6); // 0.999 without centring
});

test('components are orthonormal, their largest elements positive', async () => {
  const { components } = (await after([normalBatch(50, 20, (i) => 0.9 ** i)], 5)).at(-1) as Pca;
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 5; j++) expect(dot(row(components, i), row(components, j))).toBeCloseTo(i === j ? 1 : 0, 5);
    expect(Math.max(...row(components, i))).toBe(Math.max(...row(components, i).map(Math.abs)));
  }
});

test('an input that never changes has components that explain nothing', async () => {
  const still = { rows: 10, columns: 6, data: new Float32Array(60).fill(2) };
  const pca = (await after([still, still], 3)).at(-1) as Pca;
  expect([...explainedRatios(pca)]).toEqual([0, 0, 0]);
  expect(pca.converged).toEqual([false, false, false]);
});
