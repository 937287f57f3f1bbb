import { expect, test } from 'vitest';
import { finder, mark, markAll, marker } from './added.ts';
import type { AddedToken } from './definition.ts';

const token = (id: number, content: string, flags: Partial<AddedToken> = {}): AddedToken => ({
  ...{ id, content, text: content, special: true },
  ...{ leftStrip: false, rightStrip: false, singleWord: false, normalized: false },
  ...flags,
});
const find = (tokens: AddedToken[], text: string) => finder(tokens, (content) => content, 'test')(text, false);

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

test('a single-word token that takes whitespace may have a word behind that', () => {
  const tokens = [token(1, '<w>', { singleWord: true, leftStrip: true, rightStrip: true })];
  expect(find(tokens, 'a <w> b a<w> b')).toEqual(['a', 1, 'b a<w> b']);
});

test('an empty text has no sections', () => {
  expect(find([], '')).toEqual([]);
  expect(find([token(1, 'a')], '')).toEqual([]);
});

test('a token that is marked is not found, and one beside it is', () => {
  const tokens = [token(1, '<a>'), token(2, 'a'), token(3, '<a><')];
  const marked = marker(tokens, 'test')('<a><a>');
  const sections = (text: string) => finder(tokens, (content) => content, 'test')(text, true);
  expect(sections(marked)).toEqual([marked]);
  expect(marked.replaceAll(mark, '')).toBe('<a><a>');
  expect(sections(`<a>${markAll('<a>')}<a>`)).toEqual([1, markAll('<a>'), 1]);
});

test('a text cannot bring marks of its own', () => {
  expect(marker([token(1, '<a>')], 'test')(`${mark}b`)).toBe('\ufffdb');
  expect(marker([], 'test')(`${mark}b`)).toBe('\ufffdb');
});
