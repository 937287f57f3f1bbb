import { describe, expect, test } from 'vitest';
import { compilePattern, escapePattern } from './pattern.ts';
import { preTokenizerNamed, preTokenizerNames } from './pretokenizers.ts';

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

  test.each([
    ['optional characters', `${'.?'.repeat(25)}${'.'.repeat(25)}`],
    ['few of many', '.{0,400}.{0,400}x'],
    ['repeats', `${'\\p{L}*'.repeat(9)}\\d`],
    ['two repeats that something follows', '\\p{L}*\\p{L}+x'],
    ['a repeat inside of an option', '\\p{L}*(?:\\p{L}*x)?y'],
    ['alternatives', `${'(?:a|.)'.repeat(20)}x`],
    ['looking ahead', '\\p{L}*(?=\\p{L}*x)'],
    ['looking back', '(?<=\\p{L}{400}\\p{L}*)x'],
    ['long repeats', `\\p{L}*${'a'.repeat(100)}`],
  ])('%s that take long are refused', (_, pattern) => {
    expect(() => compilePattern(pattern, 'test')).toThrow(/catastrophic backtracking/);
  });

  test('those that llama.cpp has names for are taken', () => {
    const known = preTokenizerNames.flatMap((name) => preTokenizerNamed(name) ?? []);
    const patterns = known.flatMap(({ patterns, original = [] }) => [...patterns, ...original]);
    expect(patterns.length).toBeGreaterThan(50);
    for (const pattern of patterns) expect(compilePattern(pattern, 'test')).toBeInstanceOf(RegExp);
  });

  // As tokenizer.json has them.
  const capitals = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
  const smalls = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
  const rest = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
  test.each([
    ['Llama 3', `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${rest}`],
    ['Qwen 2', `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${rest}`],
    [
      'GPT-4o',
      `[^\\r\\n\\p{L}\\p{N}]?${capitals}*${smalls}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
        `[^\\r\\n\\p{L}\\p{N}]?${capitals}+${smalls}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|${rest}`,
    ],
    [
      'Phi 4',
      `'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]`,
    ],
    [
      'DeepSeek 3',
      '[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ],
    ['SuperBPE', '(?=(\\d{3})+(?!\\d))'],
    ['Gemma', escapePattern(' ')],
  ])('that of %s is taken', (_, pattern) => {
    expect(compilePattern(pattern, 'test')).toBeInstanceOf(RegExp);
  });

  test('what is taken takes no longer than the square of the text', () => {
    const dear = ['.*x', '.?.?.?.?.?.?.?x', '.{0,30}.{0,30}x', '.+(?!x?)', '(?:..)*x', '(?:a|.)?.*x'];
    const start = performance.now();
    for (const pattern of dear) expect(matches(pattern, 'a'.repeat(3000))).toEqual([]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('a literal text stands for itself', () => {
    expect(matches(escapePattern('a.b|(c)[d]{2}\\/^$*+?'), 'x a.b|(c)[d]{2}\\/^$*+? y')).toEqual([
      'a.b|(c)[d]{2}\\/^$*+?',
    ]);
  });
});
