import { expect, test } from 'vitest';
import { termsOf } from './apply.ts';

const written = (expression: string) => termsOf(expression).map(({ word, sign }) => `${sign > 0 ? '+' : '-'}${word}`);

test('words have the sign before them, and the first needs none', () => {
  expect(written('Athens - Greece + China')).toEqual(['+Athens', '-Greece', '+China']);
  expect(written('- New York  +  Rio de Janeiro ')).toEqual(['-New York', '+Rio de Janeiro']);
  expect(written('Guinea-Bissau')).toEqual(['+Guinea-Bissau']);
});

test.each(['', '+', 'a +', ' - + b', 'a - - b'])('%j is refused', (expression) => {
  expect(() => termsOf(expression)).toThrow('is not words with + and - between them');
});
