import { expect, test } from 'vitest';
import { finder } from './added.ts';
import type { AddedToken } from './definition.ts';

const token = (id: number, content: string, flags: Partial<AddedToken> = {}): AddedToken => ({
  ...{ id, content, special: true, leftStrip: false, rightStrip: false, singleWord: false, normalized: false },
  ...flags,
});
const find = (tokens: AddedToken[], text: string) => finder(tokens, (content) => content, 'test')(text);

test('the longest token at a place is taken, from left to right', () => {
  expect(find([token(1, '<a'), token(2, '<a>'), token(3, '>b')], 'x<a>b<a')).toEqual(['x', 2, 'b', 1]);
});

test('a token takes the whitespace of its sides with it', () => {
  const tokens = [token(1, '<l>', { leftStrip: true }), token(2, '<r>', { rightStrip: true })];
  expect(find(tokens, 'a  <l>  b<r> \n c')).toEqual(['a', 1, '  b', 2, 'c']);
  expect(find(tokens, '<r>  <l>')).toEqual([2, 1]);
});

test('a single-word token is not found inside a word', () => {
  expect(find([token(1, 'is', { singleWord: true })], 'this is éis is𝟘 is')).toEqual(['this ', 1, ' éis is𝟘 ', 1]);
});

test('an empty text has no sections', () => {
  expect(find([], '')).toEqual([]);
  expect(find([token(1, 'a')], '')).toEqual([]);
});
