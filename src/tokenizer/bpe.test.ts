import fc from 'fast-check';
import { expect, test } from 'vitest';
import { merge } from './bpe.ts';
import { idLimit } from './definition.ts';

/** What the definition says: look at all neighbours, join the leftmost of the lowest rank, look again. */
function mergeByDefinition(symbols: number[], pairs: (left: number, right: number) => number): number[] {
  const list = [...symbols];
  for (;;) {
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < list.length; i++) {
      const pair = pairs(list[i] as number, list[i + 1] as number);
      if (pair >= 0 && Math.floor(pair / idLimit) < bestRank) {
        bestRank = Math.floor(pair / idLimit);
        best = i;
      }
    }
    if (best < 0) return list;
    list.splice(best, 2, pairs(list[best] as number, list[best + 1] as number) % idLimit);
  }
}

test('merging gives what looking at every pair again and again gives, ties included', () => {
  const rules = fc.array(fc.tuple(fc.nat(11), fc.nat(11), fc.nat(6), fc.nat(11)), { maxLength: 60 });
  fc.assert(
    fc.property(rules, fc.array(fc.nat(5), { maxLength: 60 }), (list, symbols) => {
      const table = new Map(list.map(([left, right, rank, id]) => [left * 12 + right, rank * idLimit + id]));
      const pairs = (left: number, right: number) => table.get(left * 12 + right) ?? -1;
      expect(merge([...symbols], pairs)).toEqual(mergeByDefinition(symbols, pairs));
    }),
    { numRuns: 2000 },
  );
});

test('a million equal symbols merge in well under the time that a quadratic method takes', () => {
  const doubled = (left: number, right: number) => (left === right && left < 12 ? left * idLimit + left + 1 : -1);
  const start = performance.now();
  const merged = merge(new Array<number>(2 ** 20).fill(0), doubled);
  expect(merged).toEqual(new Array<number>(2 ** 8).fill(12));
  expect(performance.now() - start).toBeLessThan(20_000);
});
