import { expect, test } from 'vitest';
import { commonLength, concatArrays } from './arrays.ts';

test('arrays are joined in their order, and none give an empty one', () => {
  expect([...concatArrays([Float32Array.of(1, 2), new Float32Array(), Float32Array.of(3)])]).toEqual([1, 2, 3]);
  expect(concatArrays([])).toHaveLength(0);
});

test.each([
  [[], [], 0],
  [[1, 2], [1, 2], 2],
  [[1, 2, 3], [1, 2], 2],
  [[1, 2], [1, 2, 3], 2],
  [[1, 2, 3], [1, 9, 3], 1],
])('%j and %j begin alike for %d', (a, b, length) => {
  expect(commonLength(a, b)).toBe(length);
});
