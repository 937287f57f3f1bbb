import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logSumExp } from '../model/index.ts';
import { compactRow, klBound, klDivergence, type Normalised } from './divergence.ts';

const row = (logits: Float32Array): Normalised => ({ logits, normaliser: logSumExp(logits) });
const rows = (count: number) =>
  fc
    .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: count, maxLength: count })
    .map((values) => row(Float32Array.from(values)));

test('of two known distributions', () => {
  const of = (values: readonly number[]) => row(Float32Array.from(values, Math.log));
  const divergence = klDivergence(of([0.5, 0.25, 0.25]), of([0.25, 0.25, 0.5]));
  expect(divergence).toBeCloseTo(0.5 * Math.log(2) - 0.25 * Math.log(2), 6);
});

test('is 0 of equal rows, whatever is added to all logits', () => {
  fc.assert(
    fc.property(rows(8), (p) => {
      expect(klDivergence(p, p)).toBe(0);
      expect(klDivergence(p, row(p.logits.map((x) => x + 1)))).toBeLessThan(1e-5);
    }),
  );
});

test('the bound is a bound, and the divergence itself once every token is kept', () => {
  fc.assert(
    fc.property(rows(12), rows(12), (p, q) => {
      const exact = klDivergence(p, q);
      expect(klBound(compactRow(p, 4), q)).toBeLessThanOrEqual(exact + 1e-9 + 1e-6 * exact);
      expect(klBound(compactRow(p, 12), q)).toBeCloseTo(exact, 4);
    }),
  );
});

test('a compact row holds the likeliest tokens, the likeliest first', () => {
  const { ids, logprobs } = compactRow(row(Float32Array.of(1, 3, 2, 3)), 3);
  expect([...ids]).toEqual([1, 3, 2]);
  expect(logprobs[0]).toBeCloseTo(3 - Math.log(Math.E + 2 * Math.E ** 3 + Math.E ** 2), 6);
});
