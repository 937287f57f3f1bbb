import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchesOf } from './batches.ts';

test('every text is in one batch, and a batch of several is padded to 2048 tokens at most', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 200 }), (lengths) => {
      const batches = batchesOf(lengths);
      expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      for (const batch of batches) {
        const longest = Math.max(...batch.map((i) => lengths[i] as number));
        if (batch.length > 1) expect(batch.length * longest).toBeLessThanOrEqual(2048);
      }
    }),
  );
});

test('like lengths run together', () => {
  expect(batchesOf([1000, 2, 1000, 2])).toEqual([
    [1, 3],
    [0, 2],
  ]);
});
