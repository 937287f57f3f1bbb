import { Matrix as Oracle, solve } from 'ml-matrix';
import { afterAll, describe, expect, test } from 'vitest';
import { countDifferent, countKept, keepLargest, type Mask, masked, support } from '../../../src/linalg/index.ts';
import { pruneByMagnitude, pruneByWanda } from '../../../src/methods/mosp/baselines.ts';
import { layerError, openLayerEngine } from '../../../src/methods/mosp/engine.ts';
import { layerDefaults, prepareGroup, pruneByAlps, pruneLayer } from '../../../src/methods/mosp/layer.ts';
import { patternOf, type Sparsity } from '../../../src/methods/mosp/pattern.ts';
import { merged, preferenceGrid } from '../../../src/methods/mosp/preference.ts';
import { type Floats, intoScale, scaleMoment, sumOf } from '../../../src/methods/mosp/problem.ts';
import { pruneBySparseGpt } from '../../../src/methods/mosp/sparsegpt.ts';
import { splitDual } from '../../../src/methods/mosp/splitting.ts';
import { correlatedTasks, diagonalMoment, matrixOf } from './problems.ts';

const engine = await openLayerEngine({ threads: 1 });
afterAll(() => engine.dispose());

const at = (share: number): Sparsity => ({ kind: 'unstructured', share });
const options = (sparsity: Sparsity, more: object = {}) => ({ ...layerDefaults, sparsity, ...more });
const within = (inner: Mask, outer: Mask) => inner.every((kept, i) => kept <= (outer[i] as number));
const relative = async (weights: Floats, dense: Floats, moment: Floats) =>
  (await layerError(engine, weights, dense, moment)) /
  (await layerError(engine, { ...dense, data: new Float32Array(dense.data.length) }, dense, moment));

const tasks = correlatedTasks();
const summed = sumOf(tasks.moments);
const size = tasks.dense.data.length;
const solved = await pruneLayer(engine, tasks.dense, prepareGroup(engine, tasks.moments), options(at(0.7)));

describe('a matrix of three correlated objectives at 70%', () => {
  const kept = Math.round(0.3 * size);

  test('every support has exactly k entries, and the core alpha k (oracle 1)', () => {
    for (const { data } of [solved.shared, ...solved.own]) expect(countKept(support(data))).toBe(kept);
    expect(countKept(solved.core)).toBe(Math.round(0.5 * kept));
  });

  test('the core is within every support and within that of every point (oracle 2)', () => {
    const pattern = patternOf(at(0.7), { rows: 80, columns: 96, alpha: 0.5 });
    const points = preferenceGrid(3, 4).map((preference) => merged(solved, pattern, preference, 0.5));
    for (const { data } of [solved.shared, ...solved.own, ...points]) {
      expect(countKept(support(data))).toBe(kept);
      expect(within(solved.core, support(data))).toBe(true);
    }
  });

  test('each objective has less error with its own weights, and the one-hot point the least of the grid (oracle 9)', async () => {
    const pattern = patternOf(at(0.7), { rows: 80, columns: 96, alpha: 0.5 });
    const points = preferenceGrid(3, 4).map((preference) => merged(solved, pattern, preference, 0.5));
    for (const [i, moment] of tasks.moments.entries()) {
      const own = await layerError(engine, solved.own[i] as Floats, tasks.dense, moment);
      expect(own).toBeLessThan(await layerError(engine, solved.shared, tasks.dense, moment));
      for (const point of points) {
        expect(await layerError(engine, point, tasks.dense, moment)).toBeGreaterThanOrEqual(own);
      }
    }
  });

  test('permuting the objectives permutes their weights, and permuting the inputs the mask (oracle 13)', async () => {
    const [first, second, third] = tasks.moments as [Floats, Floats, Floats];
    const turned = await pruneLayer(
      engine,
      tasks.dense,
      prepareGroup(engine, [third, first, second]),
      options(at(0.7)),
    );
    for (const [to, from] of [2, 0, 1].entries()) {
      const [a, b] = [turned.own[to] as Floats, solved.own[from] as Floats];
      expect(countDifferent(support(a.data), support(b.data)) / size).toBeLessThan(0.01); // sums in another order are rounded otherwise
      const moment = tasks.moments[from] as Floats;
      const ratio = (await relative(a, tasks.dense, moment)) / (await relative(b, tasks.dense, moment));
      expect(Math.abs(ratio - 1)).toBeLessThan(0.01);
    }
    const order = Array.from({ length: 96 }, (_, j) => (j * 35) % 96);
    const permuted = ({ rows, columns, data }: Floats): Floats => ({
      rows,
      columns,
      data: Float32Array.from(data, (_, i) => data[i - (i % 96) + (order[i % 96] as number)] as number),
    });
    const rowsPermuted = ({ data, ...shape }: Floats): Floats => ({
      ...shape,
      data: Float32Array.from(data, (_, i) => data[(order[Math.floor(i / 96)] as number) * 96 + (i % 96)] as number),
    });
    const moments = tasks.moments.map((moment) => rowsPermuted(permuted(moment)));
    const other = await pruneLayer(engine, permuted(tasks.dense), prepareGroup(engine, moments), options(at(0.7)));
    const [a, b] = [support(other.shared.data), support(permuted(solved.shared).data)];
    expect(countDifferent(a, b) / size).toBeLessThan(0.01);
  });

  test('with alpha 1 every support is that of stage 1, and the weights its exact refit (oracle 7)', async () => {
    const group = prepareGroup(engine, tasks.moments);
    const whole = await pruneLayer(engine, tasks.dense, group, options(at(0.7), { alpha: 1, refinements: 60 }));
    for (const [i, own] of whole.own.entries()) {
      expect(support(own.data)).toEqual(support(whole.shared.data));
      const { moment, scale } = scaleMoment(tasks.moments[i] as Floats);
      const exact = exactRefit(intoScale(tasks.dense, scale), moment, support(own.data));
      expect(distance(intoScale(own, scale), exact)).toBeLessThan(1e-3);
    }
    const none = await pruneLayer(engine, tasks.dense, group, options(at(0.7), { alpha: 0 }));
    expect(countKept(none.core)).toBe(0);
  });
});

/** The least-squares weights on a support: H_MM w = (H What)_M for each output. */
function exactRefit(dense: Floats, moment: Floats, kept: Mask): Floats {
  const { rows, columns } = dense;
  const h = Oracle.from1DArray(columns, columns, moment.data);
  const target = h.mmul(Oracle.from1DArray(rows, columns, dense.data).transpose());
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const own = Array.from({ length: columns }, (_, j) => j).filter((j) => kept[i * columns + j] === 1);
    if (own.length === 0) continue;
    const solution = solve(h.selection(own, own), Oracle.columnVector(own.map((j) => target.get(j, i))));
    for (const [n, j] of own.entries()) data[i * columns + j] = solution.get(n, 0);
  }
  return { rows, columns, data };
}

/** |a - b| / |b|, both as vectors. */
const distance = (a: Floats, b: Floats) =>
  Math.hypot(...a.data.map((x, i) => x - (b.data[i] as number))) / Math.hypot(...b.data);

describe('an orthogonal layer', () => {
  const scales = matrixOf(1, 40, 3).data.map((x) => Math.exp(x));
  const dense = matrixOf(30, 40, 5);
  const moment = diagonalMoment(scales.map((x) => x * x));
  const best = keepLargest(intoScale(dense, scales).data, Math.round(0.4 * 1200));
  const optimum = { ...dense, data: masked(dense.data, best) };

  test('with a fixed penalty of 1 the splitting keeps |W_ij| sqrt(h_i), the optimum (oracle 3)', async () => {
    const scaled = intoScale(dense, scales);
    const pattern = patternOf(at(0.6), { rows: 30, columns: 40, alpha: 0.5 });
    const inverse = async (rho: number) => diagonalMoment(Array(40).fill(1 / (1 + rho)));
    const found = await splitDual(engine, { dense: scaled, g: scaled, inverse, pattern }, { core: true, rho: 1 });
    expect(found.support).toEqual(best);
  });

  test('with the usual penalties the error is within 2% of the optimum, and kept weights are unchanged (oracle 3)', async () => {
    const found = await pruneLayer(engine, dense, prepareGroup(engine, [moment]), options(at(0.6)));
    const error = await layerError(engine, found.shared, dense, moment);
    expect(error).toBeLessThan(1.02 * (await layerError(engine, optimum, dense, moment)));
    for (const [i, x] of found.shared.data.entries()) {
      if (x !== 0)
        expect(Math.abs(x - (dense.data[i] as number))).toBeLessThan(2e-6 * Math.abs(dense.data[i] as number) + 1e-7);
    }
  });
});

describe('one objective', () => {
  const moments = [tasks.moments[0] as Floats];
  const moment = moments[0] as Floats;

  test('stages 1 and 3 are ALPS whatever alpha is, and better than SparseGPT (oracle 4)', async () => {
    const group = prepareGroup(engine, moments);
    const alps = await pruneByAlps(engine, tasks.dense, group.shared, options(at(0.7)));
    for (const alpha of [0, 0.5, 1]) {
      const { shared } = await pruneLayer(engine, tasks.dense, group, options(at(0.7), { alpha }));
      expect(distance(shared, alps)).toBeLessThan(1e-6);
    }
    const sparse = await pruneBySparseGpt(engine, tasks.dense, moment, at(0.7));
    expect(await layerError(engine, alps, tasks.dense, moment)).toBeLessThan(
      await layerError(engine, sparse, tasks.dense, moment),
    );
  });

  test('the guard keeps stage 2 from making it worse (oracle 4)', async () => {
    const group = prepareGroup(engine, moments);
    const guarded = await pruneLayer(engine, tasks.dense, group, options(at(0.7), { guard: true }));
    expect(await layerError(engine, guarded.own[0] as Floats, tasks.dense, moment)).toBeLessThanOrEqual(
      await layerError(engine, guarded.shared, tasks.dense, moment),
    );
  });
});

test.each([0.5, 0.7, 0.8])(
  'at %d MOSP is not above SparseGPT and Wanda, and Wanda is below magnitude (oracle 5)',
  async (share) => {
    const { shared } = await pruneLayer(engine, tasks.dense, prepareGroup(engine, tasks.moments), options(at(share)));
    const [mosp, sparse, wanda, magnitude] = await Promise.all(
      [
        shared,
        await pruneBySparseGpt(engine, tasks.dense, summed, at(share)),
        pruneByWanda(tasks.dense, summed, at(share)),
        pruneByMagnitude(tasks.dense, at(share)),
      ].map((weights) => relative(weights, tasks.dense, summed)),
    );
    expect(mosp).toBeLessThanOrEqual(sparse as number);
    expect(mosp).toBeLessThanOrEqual(wanda as number);
    expect(wanda).toBeLessThan(magnitude as number);
  },
);

test('conjugate gradients reach the exact refit, and never raise the error (oracle 6)', async () => {
  const { moment, scale } = scaleMoment(summed);
  const dense = intoScale(tasks.dense, scale);
  const g = await engine.product(dense, moment);
  const kept = keepLargest(dense.data, Math.round(0.3 * size));
  const start = { ...dense, data: masked(dense.data, kept) };
  let last = await layerError(engine, start, dense, moment);
  for (let iterations = 1; iterations <= 10; iterations++) {
    const error = await layerError(engine, await engine.refine(start, kept, g, moment, iterations), dense, moment);
    expect(error).toBeLessThan(last * (1 + 1e-5));
    last = error;
  }
  const refined = await engine.refine(start, kept, g, moment, 10);
  const { data } = await engine.product(refined, moment);
  const residual = g.data.map((x, i) => (kept[i] === 1 ? x - (data[i] as number) : 0));
  expect(Math.hypot(...residual) / Math.hypot(...g.data)).toBeLessThan(1e-4);
  expect(distance(refined, exactRefit(dense, moment, kept))).toBeLessThan(1e-3);
});

describe('the penalty', () => {
  const group = prepareGroup(engine, tasks.moments);
  const run = (rho: number) =>
    pruneLayer(engine, tasks.dense, group, options(at(0.7), { rho })).then(async ({ shared, primary }) => ({
      ...primary,
      error: await relative(shared, tasks.dense, summed),
    }));

  test('its course is the same every time, and a start at 1,000 triggers the guard (oracle 16)', async () => {
    const [once, again, large] = [await run(0.1), await run(0.1), await run(1000)];
    expect(again.penalties).toEqual(once.penalties);
    expect(once.restarts).toBe(0);
    expect(large.restarts).toBeGreaterThanOrEqual(1);
    expect(large.error / once.error).toBeLessThan(1.1);
    for (const start of [await run(1), await run(10)]) {
      expect(Math.abs(start.error / once.error - 1)).toBeLessThan(0.04);
    }
  });
});

test.each([
  [2, 4],
  [4, 8],
])('%i of %i: no block keeps more, the core is nested (oracle 1, 2)', async (n, m) => {
  const sparsity: Sparsity = { kind: 'n:m', n, m };
  const found = await pruneLayer(engine, tasks.dense, prepareGroup(engine, tasks.moments), options(sparsity));
  const pattern = patternOf(sparsity, { rows: 80, columns: 96, alpha: 0.5 });
  const sets = [
    ...[found.shared, ...found.own, merged(found, pattern, [0.6, 0.3, 0.1], 0.5)],
    ...[pruneByWanda(tasks.dense, summed, sparsity), pruneByMagnitude(tasks.dense, sparsity)],
    await pruneBySparseGpt(engine, tasks.dense, summed, sparsity),
  ];
  for (const [which, { data }] of sets.entries()) {
    const kept = support(data);
    for (let block = 0; block < size; block += m) expect(countKept(kept.subarray(block, block + m))).toBe(n);
    if (which < 5) expect(within(found.core, kept)).toBe(true);
  }
  expect(countKept(found.core)).toBe((size / m / 2) * n);
  expect(await relative(found.shared, tasks.dense, summed)).toBeLessThan(
    await relative(sets.at(-1) as Floats, tasks.dense, summed),
  );
});

test('objectives that read different inputs each keep their own channels (planted)', async () => {
  const dense = matrixOf(40, 64, 11);
  const half = (from: number) =>
    diagonalMoment(Array.from({ length: 64 }, (_, j) => (j >= from && j < from + 32 ? 1 : 1e-6)));
  const found = await pruneLayer(
    engine,
    dense,
    prepareGroup(engine, [half(0), half(32)]),
    options(at(0.75), { alpha: 0 }),
  );
  const shareIn = ({ data }: Floats, from: number) =>
    support(data).filter((kept, i) => kept === 1 && i % 64 >= from && i % 64 < from + 32).length / (0.25 * data.length);
  expect(shareIn(found.own[0] as Floats, 0)).toBe(1);
  expect(shareIn(found.own[1] as Floats, 32)).toBe(1);
  expect(Math.abs(shareIn(found.shared, 0) - 0.5)).toBeLessThan(0.1);
});

test('entries that were zero stay zero', async () => {
  const kept = keepLargest(tasks.dense.data, Math.round(0.6 * size));
  const pruned = { ...tasks.dense, data: masked(tasks.dense.data, kept) };
  const found = await pruneLayer(
    engine,
    pruned,
    prepareGroup(engine, tasks.moments),
    options(at(0.7), { among: kept }),
  );
  const sparse = await pruneBySparseGpt(engine, pruned, summed, at(0.7), { among: kept });
  for (const { data } of [found.shared, ...found.own, sparse]) {
    expect(within(support(data), kept)).toBe(true);
    expect(countKept(support(data))).toBe(Math.round(0.3 * size));
  }
});
