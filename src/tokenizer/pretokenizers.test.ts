import { expect, test } from 'vitest';
import { nameOfPreTokenizer } from './pretokenizers.ts';
import { readPreTokenizer } from './steps.ts';

const split = (pattern: string, rest: object = {}) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
  ...rest,
});
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers });

const modern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const punctuation = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

// The pre-tokenizers as the models' own tokenizer.json write them.
test.each<[string, object, boolean]>([
  ['smollm', sequence({ type: 'Digits', individual_digits: true }, { ...bytes, use_regex: true }), false],
  ['gpt-2', { ...bytes, use_regex: true }, false],
  ['llama-bpe', sequence(split(modern('\\p{N}{1,3}')), bytes), true],
  ['qwen2', sequence(split(modern('\\p{N}')), bytes), false],
  ['qwen2', sequence(split(modern('\\p{N}'), { behavior: 'Removed', invert: true }), bytes), false],
  [
    'tekken',
    sequence(
      split(`[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*|\\p{N}|${punctuation}`),
      bytes,
    ),
    true,
  ],
  [
    'gpt-4o',
    sequence(
      split(
        `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
          `[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|${punctuation}`,
      ),
      bytes,
    ),
    false,
  ],
])('%s is recognised in the words of its own tokenizer.json', (name, json, wholeWordsFirst) => {
  expect(nameOfPreTokenizer(readPreTokenizer(json, 'test').steps, wholeWordsFirst)).toBe(name);
});
