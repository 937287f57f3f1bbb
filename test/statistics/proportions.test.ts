import { expect, test } from 'vitest';
import { clopperPearson, clusterMean, wilson } from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

test.each([
  // Newcombe 1998, Statistics in Medicine 17, table I, method 3
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])("Wilson's interval of %i in %i is the published one", (successes, n, low, high) => {
  const interval = wilson(successes, n);
  expect(interval.low).toBeCloseTo(low, 4);
  expect(interval.high).toBeCloseTo(high, 4);
});

test.each([1, 3, 10, 500])("Wilson's interval of %i answers stays within [0, 1] and holds the proportion", (n) => {
  for (let successes = 0; successes <= n; successes++) {
    const { low, high } = wilson(successes, n);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(low).toBeLessThanOrEqual(successes / n);
    expect(high).toBeGreaterThanOrEqual(successes / n);
    expect(high).toBeLessThanOrEqual(1);
  }
});

test('the mean of clusters is that of all members', () => {
  const { mean } = clusterMean([
    { sum: 10, count: 1 },
    { sum: 2, count: 3 },
  ]);
  expect(mean).toBe(3);
});

test('of clusters of one size the standard error is that of their means', () => {
  // means 1, 2, 6: variance 7, standard error sqrt(7 / 3)
  const clusters = [1, 2, 6].map((mean) => ({ sum: 4 * mean, count: 4 }));
  expect(clusterMean(clusters).standardError).toBeCloseTo(Math.sqrt(7 / 3), 12);
});

test('one cluster has no standard error', () => {
  expect(clusterMean([{ sum: 5, count: 5 }]).standardError).toBeUndefined();
});

test.each(golden.clopperPearson)(
  "Clopper and Pearson's interval of %i in %i at %f is SciPy's",
  (x, n, level, low, high) => {
    const interval = clopperPearson(x, n, level);
    expectNear(interval.low, low, 1e-9);
    expectNear(interval.high, high, 1e-9);
  },
);

test('Clopper and Pearson have closed forms at the ends, and know nothing without a trial', () => {
  expectNear(clopperPearson(0, 10).high, 1 - 0.025 ** (1 / 10), 1e-12);
  expectNear(clopperPearson(10, 10).low, 0.025 ** (1 / 10), 1e-12);
  expect(clopperPearson(0, 0)).toEqual({ low: 0, high: 1 });
});
