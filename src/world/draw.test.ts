import { expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { between, drawUntil, fill, isHeldOut, several } from './draw.ts';

test('about the share that is asked for is held out, of texts that differ little too', () => {
  for (const share of [0.05, 0.1, 0.25]) {
    const kept = Array.from({ length: 20_000 }, (_, i) => isHeldOut(share, 'sum', i % 200, '+', Math.floor(i / 200)));
    const deviation = Math.sqrt((share * (1 - share)) / kept.length);
    expect(Math.abs(kept.filter(Boolean).length / kept.length - share)).toBeLessThan(4 * deviation);
  }
});

test('several are different and come in every order', () => {
  const random = randomFrom(1);
  const drawn = new Set(Array.from({ length: 400 }, () => several(random, ['a', 'b', 'c'], 2).join('')));
  expect([...drawn].sort()).toEqual(['ab', 'ac', 'ba', 'bc', 'ca', 'cb']);
  expect(several(random, ['a', 'b'], 5).sort()).toEqual(['a', 'b']);
});

test('numbers of a range include both ends', () => {
  const random = randomFrom(1);
  expect([...new Set(Array.from({ length: 200 }, () => between(random, 2, 4)))].sort()).toEqual([2, 3, 4]);
});

test('a draw that can never be accepted ends with an error', () => {
  expect(() =>
    drawUntil(
      () => 1,
      (drawn) => drawn > 1,
    ),
  ).toThrow('nothing');
});

test('templates take every value at all of its places', () => {
  expect(fill('{a} is {b}, {a}', { a: 'x', b: 'y' })).toBe('x is y, x');
});
