import { expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { addressableBytes } from './kernels.ts';
import { vectors } from './vectors.ts';

const length = 3 * 8192 + 12; // three whole pieces and a little
const places = [
  ['in the memory of the kernels', addressableBytes],
  ['copied piece by piece', 0],
] as const;

test.each(places)('%s, kernels change the range that they are given', (_, most) => {
  const { arrays, over } = vectors(['total', 'more'], length, most);
  const random = randomFrom(1);
  for (const array of Object.values(arrays)) for (const i of array.keys()) array[i] = random() - 0.5;
  const before = { total: arrays.total.slice(), more: arrays.more.slice() };
  const [from, to] = [8, length - 4];
  over(['total', 'more'], 1, { from, to }, (kernels, at, bytes) => kernels.add(at.total, at.more, at.total + bytes));
  expect(arrays.more).toEqual(before.more);
  const sum = (x: number, i: number) => (from <= i && i < to ? Math.fround(x + (before.more[i] as number)) : x);
  expect(arrays.total).toEqual(before.total.map(sum));
});

test.each(places)('%s, squares are summed in float64', (_, most) => {
  const { arrays, over } = vectors(['x'], length, most);
  for (const i of arrays.x.keys()) arrays.x[i] = i % 2 ? 1e-4 : 1e3;
  let squares = 0;
  over(['x'], 0, { from: 0, to: length }, (kernels, at, bytes) => {
    squares += kernels.sumOfSquares(at.x, at.x + bytes);
  });
  const small = Math.fround(1e-4) ** 2;
  expect(squares).toBeCloseTo((length / 2) * (1e6 + small), 4); // a float32 sum is 1e3 off
  over(['x'], 0, { from: 4, to: 4 }, () => expect.unreachable());
});

test('vectors begin with zeros', () => {
  for (const [, most] of places) expect(vectors(['x'], 8, most).arrays.x).toEqual(new Float32Array(8));
});
