import { describe, expect, test } from 'vitest';
import { compilePattern, escapePattern } from './pattern.ts';

const matches = (pattern: string, text: string): string[] =>
  Array.from(text.matchAll(compilePattern(pattern, 'test')), ([match]) => match);

describe('an Oniguruma pattern', () => {
  test.each([
    ['whitespace is what Unicode says', '\\s', 'a\u0085b\u3000c\ufeffd', ['\u0085', '\u3000']],
    ['and in a class', '[^\\s\\d]+', 'ab\u00a01٣c', ['ab', 'c']],
    ['digits are those of all scripts', '\\d+', '12٣४x', ['12٣४']],
    ['a group may ignore case', "(?i:'s|'LL)x[a-c]", "'Sxa 'llxb 'llXb", ["'Sxa", "'llxb"]],
    ['case is ignored in classes of such a group only', '(?i:[a-c])d', 'Ad aD', ['Ad']],
    ['possessive quantifiers match as greedy ones do', ' ?[^\\s\\p{L}]++[\\r\\n]*', 'a !!\nb', [' !!\n']],
    ['needless escapes are dropped', '[!\\"#\\-\\]]+\\!', 'a"-]!', ['"-]!']],
    ['a group of fixed form may be repeated', '\\d{1,3}(?=(?:\\d{3})*(?!\\d))', '1234567', ['1', '234', '567']],
    ['scripts have names', '\\p{Han}+', 'a漢字か', ['漢字']],
    ['code points have numbers', '[\\x{4E00}-\\x{9FFF}]\\x41\\u0042', '漢AB', ['漢AB']],
  ])('%s', (_, pattern, text, expected) => {
    expect(matches(pattern, text)).toEqual(expected);
  });

  test.each([
    ['(a+)+b', /repeated group/],
    ['(?:a|a)*b', /repeated group/],
    ['((?:a*))+', /repeated group/],
    ['(?:a?a?){50}', /repeated group/],
    ['(a)\\1', /the escape/],
    ['(?>a)', /Nothing to repeat/],
    ['[a[b]]', /a class inside a class/],
    ['(', /Unterminated group/],
    ['a'.repeat(20_000), /20000 characters/],
  ])('%s is refused', (pattern, sentence) => {
    expect(() => compilePattern(pattern, 'test')).toThrow(sentence);
  });

  test('a literal text stands for itself', () => {
    expect(matches(escapePattern('a.b|(c)[d]{2}\\/^$*+?'), 'x a.b|(c)[d]{2}\\/^$*+? y')).toEqual([
      'a.b|(c)[d]{2}\\/^$*+?',
    ]);
  });
});
