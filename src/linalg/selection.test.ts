import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countDifferent, countKept, keepInBlocks, keepLargest, keepLargestInRows } from './selection.ts';

const numbers = fc.float32Array({ minLength: 0, maxLength: 60, noNaN: true });
const ties = fc
  .array(fc.constantFrom(0, -0, 1, -1, 2, 1e-40), { maxLength: 60 })
  .map((list) => Float32Array.from(list));

/** The same by sorting: the largest magnitude first, then the lower index. */
function bySorting(values: Float32Array, count: number, among?: Uint8Array): number[] {
  const order = [...values.keys()]
    .filter((i) => among?.[i] !== 0)
    .sort((a, b) => Math.abs(values[b] as number) - Math.abs(values[a] as number) || a - b);
  return order.slice(0, Math.max(0, count)).sort((a, b) => a - b);
}

const indexes = (mask: Uint8Array) => [...mask.keys()].filter((i) => mask[i] === 1);

test('the largest are those that sorting finds, ties by index', () => {
  fc.assert(
    fc.property(
      fc.oneof(numbers, ties),
      fc.integer({ min: -1, max: 70 }),
      fc.infiniteStream(fc.boolean()),
      (values, count, random) => {
        const among = Uint8Array.from(values, () => Number(random.next().value));
        expect(indexes(keepLargest(values, count))).toEqual(bySorting(values, count));
        expect(indexes(keepLargest(values, count, among))).toEqual(bySorting(values, count, among));
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});

test('every row, and every block of m, keeps its own largest', () => {
  fc.assert(
    fc.property(fc.oneof(numbers, ties), fc.integer({ min: 1, max: 4 }), (given, n) => {
      const values = given.subarray(0, given.length - (given.length % 4));
      const blocks = [...Array(values.length / 4).keys()].flatMap((block) =>
        bySorting(values.subarray(4 * block, 4 * block + 4), n).map((i) => 4 * block + i),
      );
      expect(indexes(keepInBlocks(values, n, 4))).toEqual(blocks);
      expect(indexes(keepLargestInRows(values, 4, n))).toEqual(blocks);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('masks are counted and compared', () => {
  expect(countKept(Uint8Array.of(1, 0, 1))).toBe(2);
  expect(countDifferent(Uint8Array.of(1, 0, 1), Uint8Array.of(0, 0, 1))).toBe(1);
});
