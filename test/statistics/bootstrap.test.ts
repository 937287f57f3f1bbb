import { expect, test } from 'vitest';
import { accelerationOf, bca, bcaMean, bootstrap, pairedDifference } from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

const meanOf = (values: readonly number[]) => (items: Uint32Array) =>
  items.reduce((sum, i) => sum + (values[i] as number), 0) / items.length;

test('resampled means of (0, 0, 3) follow their exact law: 8, 12, 6 and 1 of 27', () => {
  const resamples = 100_000;
  const drawn = bootstrap(3, meanOf([0, 0, 3]), { resamples });
  [8, 12, 6, 1].forEach((share, value) => {
    const p = share / 27;
    const seen = drawn.filter((x) => x === value).length / resamples;
    expect(Math.abs(seen - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / resamples));
  });
});

test('resampled means of 1..5 have the standard error sqrt(2/5); symmetric data have acceleration 0', () => {
  const values = [1, 2, 3, 4, 5];
  const drawn = bootstrap(5, meanOf(values), { resamples: 50_000 });
  const centre = drawn.reduce((a, b) => a + b) / drawn.length;
  const deviation = Math.sqrt(drawn.reduce((sum, x) => sum + (x - centre) ** 2, 0) / drawn.length);
  expect(deviation).toBeCloseTo(Math.sqrt(2 / 5), 2);
  expect(accelerationOf(5, meanOf(values))).toBeCloseTo(0, 12);
});

test('the acceleration of a mean is its skewness over 6 sqrt(n)', () => {
  const values = [0, 0, 3];
  const [m2, m3] = [2, 3].map((power) => values.reduce((sum, x) => sum + (x - 1) ** power, 0) / 3) as [number, number];
  expectNear(accelerationOf(3, meanOf(values)), m3 / m2 ** 1.5 / (6 * Math.sqrt(3)), 1e-12);
});

test.each(golden.bca)("the BCa interval of a mean is SciPy's but for the drawing", ({ data, low, high }) => {
  const interval = bcaMean(data, { resamples: 100_000 });
  expect(Math.abs(interval.low - low)).toBeLessThan(0.01 * (high - low));
  expect(Math.abs(interval.high - high)).toBeLessThan(0.01 * (high - low));
});

test('a seed gives the same interval, another one another', () => {
  const values = golden.samples.skewed;
  expect(bcaMean(values, { seed: 3 })).toEqual(bcaMean(values, { seed: 3 }));
  expect(bcaMean(values, { seed: 3 })).not.toEqual(bcaMean(values, { seed: 4 }));
});

test('a pair cancels what both share: the interval of constant differences is a point', () => {
  const a = [0.1, 0.5, 0.9];
  expect(pairedDifference(a, a)).toEqual({ value: 0, low: 0, high: 0 });
  const moved = pairedDifference(
    a.map((x) => x + 1),
    a,
  );
  for (const end of [moved.value, moved.low, moved.high]) expect(end).toBeCloseTo(1, 12);
});

test('strata keep their sizes: of two constant strata the mean cannot vary', () => {
  const interval = bca(4, meanOf([0, 0, 1, 1]), { strata: ['a', 'a', 'b', 'b'] });
  expect(interval).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
  expect(bcaMean([0, 0, 1, 1]).high).toBeGreaterThan(0.5);
});

test('one value has itself as interval', () => {
  expect(bcaMean([0.3])).toEqual({ value: 0.3, low: 0.3, high: 0.3 });
});
