import { expect, test } from 'vitest';
import type { SplitBehavior } from './definition.ts';
import { splitter } from './split.ts';

// The example in the documentation of Hugging Face's SplitDelimiterBehavior, and its inverse.
test.each<[SplitBehavior, string[]]>([
  ['removed', ['the', 'final', 'countdown']],
  ['isolated', ['the', '-', 'final', '-', '-', 'countdown']],
  ['with-previous', ['the-', 'final-', '-', 'countdown']],
  ['with-next', ['the', '-final', '-', '-countdown']],
  ['contiguous', ['the', '-', 'final', '--', 'countdown']],
  ['only', ['-', '-', '-']],
])('matches are %s', (keep, expected) => {
  expect(splitter([{ kind: 'split', pattern: '-', keep }], 'test')('the-final--countdown', true)).toEqual(expected);
});

test('each step cuts the pieces of the step before', () => {
  const steps = ['\\p{N}', '[a-z]'].map((pattern) => ({ kind: 'split', pattern, keep: 'isolated' }) as const);
  expect(splitter(steps, 'test')('A12bC', true)).toEqual(['A', '1', '2', 'b', 'C']);
});
