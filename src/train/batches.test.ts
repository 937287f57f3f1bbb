import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CriaError } from '../base/index.ts';
import { batchOrder, packed } from './batches.ts';
import type { Example } from './examples.ts';

const text = (...ids: number[]): Example => ({ ids, lossMask: undefined });
const answer = (ids: number[], from: number): Example => ({ ids, lossMask: ids.map((_, i) => i >= from) });
const idsIn = (examples: readonly Example[]) => examples.map(({ ids }) => ids);

describe('concat', () => {
  const texts = [text(1, 2, 3), text(4), text(5, 6, 7, 8)];

  test('joins texts, cuts them into full sequences and drops the rest', () => {
    const { sequences, cut } = packed(texts, 'concat', 3);
    expect(idsIn(sequences)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(sequences.every(({ lossMask }) => lossMask === undefined)).toBe(true);
    expect(cut).toBe(0);
  });

  test('leaves out the first tokens', () => {
    expect(idsIn(packed(texts, 'concat', 3, 2).sequences)).toEqual([
      [3, 4, 5],
      [6, 7, 8],
    ]);
  });

  test('keeps what is left over when it is all there is', () => {
    expect(idsIn(packed(texts, 'concat', 100).sequences)).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
    expect(idsIn(packed(texts, 'concat', 8).sequences)).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
  });

  test('learns what is learned of each, and leaves out sequences of which nothing is', () => {
    const { sequences } = packed([answer([1, 2, 3, 4], 3), text(5, 6), answer([7, 8, 9], 3)], 'concat', 3);
    expect(sequences).toEqual([{ ids: [4, 5, 6], lossMask: [true, true, true] }]);
  });

  test('skipping everything leaves nothing to learn', () => {
    expect(() => packed(texts, 'concat', 3, 8, 'a.txt')).toThrow(
      'a.txt: has no target tokens within sequences of 3 tokens',
    );
  });

  test('gives every token once, in order, but for the rest', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(9), { maxLength: 7 })), fc.integer({ min: 2, max: 6 }), (lists, length) => {
        const all = lists.flat();
        if (all.length < 2) return;
        const got = idsIn(
          packed(
            lists.map((ids) => text(...ids)),
            'concat',
            length,
          ).sequences,
        ).flat();
        expect(got).toEqual(all.slice(0, got.length));
        expect(all.length - got.length).toBeLessThan(length);
      }),
    );
  });
});

describe('none', () => {
  test('keeps texts apart and cuts long ones', () => {
    const { sequences, cut } = packed([text(1, 2, 3, 4), text(5, 6)], 'none', 3);
    expect(idsIn(sequences)).toEqual([
      [1, 2, 3],
      [5, 6],
    ]);
    expect(cut).toBe(1);
  });

  test('leaves out texts of which nothing is learned, or only the first token', () => {
    const { sequences } = packed([answer([1, 2, 3], 2), answer([1, 2, 3, 4], 3), text(9), answer([7], 0)], 'none', 3);
    expect(idsIn(sequences)).toEqual([[1, 2, 3]]);
  });

  test('with nothing left is an error', () => {
    expect(() => packed([answer([1, 2, 3], 2)], 'none', 2)).toThrow(CriaError);
  });
});

describe('the order of batches', () => {
  const sizes = { count: fc.integer({ min: 1, max: 23 }), size: fc.integer({ min: 1, max: 9 }), seed: fc.nat() };

  test('has every index once a round, wherever batches begin', () => {
    fc.assert(
      fc.property(sizes.count, sizes.size, sizes.seed, fc.boolean(), (count, size, seed, shuffle) => {
        const order = batchOrder(count, size, shuffle, seed);
        const rounds = 3;
        const batches = Array.from({ length: Math.ceil((rounds * count) / size) }, (_, step) => order(step));
        const all = batches.flat();
        for (let round = 0; round < rounds; round++) {
          const seen = all.slice(round * count, (round + 1) * count);
          expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
          if (!shuffle) expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
        }
      }),
    );
  });

  test('depends on the step alone', () => {
    fc.assert(
      fc.property(sizes.count, sizes.size, sizes.seed, fc.array(fc.nat(40)), (count, size, seed, steps) => {
        const order = batchOrder(count, size, true, seed);
        for (const step of steps) expect(order(step)).toEqual(batchOrder(count, size, true, seed)(step));
      }),
    );
  });

  test('is another in every round and for every seed', () => {
    const round = (seed: number, step: number) => String(batchOrder(20, 20, true, seed)(step));
    expect(new Set([round(0, 0), round(0, 1), round(1, 0), round(1, 1)]).size).toBe(4);
  });
});
