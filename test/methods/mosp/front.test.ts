import { expect, test } from 'vitest';
import type { TestRow } from '../../../src/methods/mosp/evaluate.ts';
import { measureFront } from '../../../src/methods/mosp/front.ts';
import { dominated, hypervolume } from '../../../src/statistics/index.ts';

// spec, 4.2: perplexities on C4, GSM8K and Code
const sparsegpt = [30.91, 3.53, 3.07];
const alps = [20.44, 3.12, 2.63];
const mosp = [alps, [18.8, 3.37, 3.2], [24.33, 3.05, 3.06], [25.82, 3.43, 2.53], [19.3, 3.2, 2.79]];
const reference = sparsegpt.map((x) => 1.1 * x);

test('hypervolumes of published perplexities (oracle 10)', () => {
  expect(hypervolume([sparsegpt], reference)).toBeCloseTo(0.33497, 5);
  expect(hypervolume([alps], reference)).toBeCloseTo(7.72924, 5);
  expect(hypervolume(mosp, reference)).toBeCloseTo(8.81689, 5);
  expect(hypervolume([[73.64, 12.9, 10.51]], reference)).toBe(0);
  expect(hypervolume([...mosp, [21, 3.2, 2.7]], reference)).toBe(hypervolume(mosp, reference));
  expect(hypervolume(mosp, reference)).toBeGreaterThan(hypervolume(mosp.slice(0, 4), reference));
});

test('of the points that are not flagged none dominates another (oracle 12)', () => {
  const points = [...mosp, [21, 3.2, 2.7], [20.44, 3.12, 2.64]];
  const kept = points.filter((_, i) => !dominated(points)[i]);
  expect(kept).toEqual(mosp);
  expect(dominated(kept)).not.toContain(true);
});

/** Rows of which every window has the given perplexity, times a factor of the window that all models share. */
function rowsOf(model: string, perplexities: Readonly<Record<string, number>>): TestRow[] {
  return Object.entries(perplexities).flatMap(([objective, perplexity]) =>
    [0.9, 1, 1.1, 1.05].map((factor, window) => {
      return {
        model,
        objective,
        window,
        tokens: 10 + window,
        logLikelihood: -(10 + window) * Math.log(perplexity * factor),
      };
    }),
  );
}

test('a front is measured from its rows, with the share of the gap that the points of one objective close', () => {
  const rows = [
    ...rowsOf('base', { a: 5, b: 5 }),
    ...rowsOf('1-0', { a: 8, b: 14 }),
    ...rowsOf('0.5-0.5', { a: 10, b: 10 }),
    ...rowsOf('0.75-0.25', { a: 11, b: 12 }),
    ...rowsOf('0-1', { a: 13, b: 9 }),
    ...rowsOf('sparsegpt', { a: 20, b: 20 }),
    ...rowsOf('alps-per-task', { a: 6, b: 8 }),
  ];
  const preferences = [
    [1, 0],
    [0.75, 0.25],
    [0.5, 0.5],
    [0, 1],
  ];
  const front = measureFront(rows, preferences, ['a', 'b'], 0);
  const factor = (front.perplexity.get('base')?.a as number) / 5;
  expect(Math.log(factor)).toBeCloseTo(
    [0.9, 1, 1.1, 1.05].reduce((sum, f, i) => sum + (10 + i) * Math.log(f), 0) / 46,
    12,
  );
  expect(front.dominated).toEqual([false, true, false, false]);
  expect(front.hypervolume.referenceModel).toBe('sparsegpt');
  expect(front.hypervolume.reference[0]).toBeCloseTo(22 * factor, 10);
  // the staircase of (8, 14), (10, 10), (13, 9) under (22, 22)
  const volume = (22 - 8) * (22 - 14) + (22 - 10) * (14 - 10) + (22 - 13) * (10 - 9);
  expect(front.hypervolume.value).toBeCloseTo(volume * factor ** 2, 8);
  const log = Math.log;
  const logVolume = log(22 / 8) * log(22 / 14) + log(22 / 10) * log(14 / 10) + log(22 / 13) * log(10 / 9);
  expect(front.hypervolumeLog.value).toBeCloseTo(logVolume, 10);
  // what all models share cancels in ratios of perplexities
  expect(front.hypervolumeLog.high - front.hypervolumeLog.low).toBeLessThan(1e-9);
  expect(front.gapClosed.a?.value).toBeCloseTo((10 - 8) / (10 - 6), 10);
  expect(front.gapClosed.b?.value).toBeCloseTo((10 - 9) / (10 - 8), 10);
});

test('without SparseGPT the reference is the uniform point', () => {
  const rows = [
    ...rowsOf('1-0', { a: 8, b: 14 }),
    ...rowsOf('0.5-0.5', { a: 10, b: 10 }),
    ...rowsOf('0-1', { a: 13, b: 9 }),
  ];
  const front = measureFront(
    rows,
    [
      [1, 0],
      [0.5, 0.5],
      [0, 1],
    ],
    ['a', 'b'],
    0,
  );
  expect(front.hypervolume.referenceModel).toBe('0.5-0.5');
  expect(front.gapClosed).toEqual({});
});
