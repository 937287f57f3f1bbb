import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holm, mannWhitney, mcnemar, pairedWilcoxon, wilcoxon } from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

const { samples, tests } = golden;

test('Holm: (.01, .04, .03) becomes (.03, .06, .06)', () => {
  expect(holm([0.01, 0.04, 0.03]).map((p) => p.toFixed(12))).toEqual([0.03, 0.06, 0.06].map((p) => p.toFixed(12)));
  expect(holm([])).toEqual([]);
});

test('Holm never falls below p, keeps the order and stays within 1', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (ps) => {
      const adjusted = holm(ps);
      adjusted.forEach((p, i) => {
        expect(p).toBeGreaterThanOrEqual(ps[i] as number);
        expect(p).toBeLessThanOrEqual(1);
        ps.forEach((other, j) => {
          if (other < (ps[i] as number)) expect(adjusted[j]).toBeLessThanOrEqual(p);
        });
      });
    }),
  );
});

test.each(golden.mcnemar)("McNemar's exact p of %i and %i is the binomial one, %f", (b, c, p) => {
  expectNear(mcnemar(b, c), p, 1e-9);
});

test('McNemar by hand: 1 and 5 give 2 (1 + 6) / 64; no discordant pair gives 1', () => {
  expect(mcnemar(1, 5)).toBeCloseTo(14 / 64, 12);
  expect(mcnemar(0, 0)).toBe(1);
});

test('Wilcoxon by hand: 2/32 and 6/64', () => {
  expect(wilcoxon([1, 2, 3, 4, 5])).toMatchObject({ method: 'exact', n: 5, statistic: 0, p: 2 / 32, rankBiserial: 1 });
  const mixed = wilcoxon([1, -2, 3, 4, 5, 6]);
  expect(mixed).toMatchObject({ statistic: 2, p: 6 / 64 });
  expect(mixed.rankBiserial).toBeCloseTo(17 / 21, 12);
});

test('Wilcoxon equals SciPy, exactly and by the normal approximation with ties and zeros', () => {
  const exact = wilcoxon(samples.small);
  expect([exact.method, exact.statistic]).toEqual(['exact', tests.wilcoxonExact?.[0]]);
  expectNear(exact.p, tests.wilcoxonExact?.[1], 1e-12);
  const normal = wilcoxon(samples.tied);
  expect([normal.method, normal.statistic]).toEqual(['normal', tests.wilcoxonNormal?.[0]]);
  expectNear(normal.p, tests.wilcoxonNormal?.[1], 1e-9);
});

test('a system beside itself: p 1, no effect, no n', () => {
  expect(pairedWilcoxon([1, 2, 3], [1, 2, 3])).toEqual({ method: 'normal', n: 0, statistic: 0, p: 1, rankBiserial: 0 });
});

test('the exact signed-rank p is that of all sign patterns', () => {
  const values = [0.5, -1.5, 2.5, 3.5, -4.5, 6.5, 7.5, 8.5];
  const patterns = Array.from({ length: 2 ** 8 }, (_, bits) =>
    Array.from({ length: 8 }, (_, i) => ((bits >> i) & 1 ? i + 1 : 0)).reduce((a, b) => a + b),
  );
  const { statistic, p } = wilcoxon(values);
  expect(p).toBeCloseTo((2 * patterns.filter((w) => w <= statistic).length) / 256, 12);
});

test('Mann and Whitney by hand: U 0, p 2/20, delta -1; U 6, delta -1/4', () => {
  const separate = mannWhitney([1, 2, 3], [4, 5, 6]);
  expect([separate.statistic, separate.cliffDelta]).toEqual([0, -1]);
  expect(separate.p).toBeCloseTo(0.1, 12);
  const mixed = mannWhitney([1, 3, 5, 7], [2, 4, 6, 9]);
  expect([mixed.statistic, mixed.cliffDelta]).toEqual([6, -0.25]);
  expectNear(mixed.p, 0.6857142857142857, 1e-9);
});

test('Mann and Whitney equal SciPy, exactly and with ties', () => {
  const exact = mannWhitney(samples.small.slice(0, 4), samples.small.slice(4));
  expect([exact.method, exact.statistic]).toEqual(['exact', tests.mannWhitneyExact?.[0]]);
  expectNear(exact.p, tests.mannWhitneyExact?.[1], 1e-9);
  const tied = mannWhitney(samples.groups[0] ?? [], samples.groups[1] ?? []);
  expect([tied.method, tied.statistic]).toEqual(['normal', tests.mannWhitneyNormal?.[0]]);
  expectNear(tied.p, tests.mannWhitneyNormal?.[1], 1e-9);
});

test('groups of equal values have p 1', () => {
  expect(mannWhitney([2, 2], [2, 2, 2])).toEqual({ method: 'normal', statistic: 3, p: 1, cliffDelta: 0 });
});
