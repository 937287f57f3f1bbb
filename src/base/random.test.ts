import { expect, test } from 'vitest';
import { normalFrom, permutation, randomFrom } from './random.ts';

const take = (count: number, random: () => number) => Array.from({ length: count }, () => random());

test('the same seed gives the same numbers and another seed others', () => {
  expect(take(5, randomFrom(1))).toEqual(take(5, randomFrom(1)));
  expect(take(5, randomFrom(1))).not.toEqual(take(5, randomFrom(2)));
});

test('no two seeds of 53 bits give the same numbers, and small ones give what they gave', () => {
  const seeds = [0, 5, 2 ** 32, 2 ** 32 + 5, 2 ** 33 + 5, 2 ** 52 + 5, Number.MAX_SAFE_INTEGER];
  expect(new Set(seeds.map((seed) => take(4, randomFrom(seed)).join())).size).toBe(seeds.length);
  expect(take(2, randomFrom(5))).toEqual([0.3089509217534214, 0.7596250667702407]);
});

test('uniform numbers fill sixteen equal bins as chance allows', () => {
  const bins = new Array<number>(16).fill(0);
  for (const x of take(160_000, randomFrom(3))) bins[Math.floor(x * 16)] = (bins[Math.floor(x * 16)] as number) + 1;
  const chiSquare = bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(chiSquare).toBeLessThan(37.7); // the 99.9% point of 15 degrees of freedom
  expect(chiSquare).toBeGreaterThan(3.5); // and its 0.1% point: too even is not random either
});

test('normal numbers have mean 0, variance 1 and the tails of a normal', () => {
  const normals = take(100_000, normalFrom(randomFrom(5)));
  const mean = normals.reduce((a, b) => a + b) / normals.length;
  const variance = normals.reduce((sum, x) => sum + x * x, 0) / normals.length;
  expect(Math.abs(mean)).toBeLessThan(0.015);
  expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  const beyondTwo = normals.filter((x) => Math.abs(x) > 2).length / normals.length;
  expect(Math.abs(beyondTwo - 0.0455)).toBeLessThan(0.003);
});

test('a permutation has every index once, and all six of three come equally often', () => {
  expect([...permutation(50, randomFrom(1))].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  const random = randomFrom(9);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = permutation(3, random).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
});
