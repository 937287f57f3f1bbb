import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { openTokenizer, type Tokenizer, trainTokenizer } from './index.ts';

const files = trainTokenizer(['nothing'], 262);

/** A tokenizer of 262 tokens whose tokenizer_config.json has more. */
function tokenizerWith(config: object): Tokenizer {
  const path = temporaryFolder();
  writeFileSync(join(path, 'tokenizer.json'), files['tokenizer.json']);
  const own = JSON.parse(files['tokenizer_config.json']);
  writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify({ ...own, ...config }));
  return openTokenizer({ kind: 'folder', path });
}

const size = 262;
const idsOf = (config: object, text: string) => tokenizerWith(config).encode(text, { special: false });
const flags = { lstrip: false, rstrip: false, single_word: false, normalized: false, special: true };

/** The order is that of transformers 5.24 (AutoTokenizer on such folders). */
test('tokens that only tokenizer_config.json declares get the next free ids in the order of transformers', () => {
  const config = {
    additional_special_tokens: ['<z>', '<a>'],
    added_tokens_decoder: { [size]: { content: '<a>', ...flags } },
    mask_token: '<mask>',
    eos_token: '<e>',
    extra_special_tokens: { image_token: { content: '<img>', ...flags } },
  };
  expect(idsOf(config, '<a><e><mask><z><img>')).toEqual([0, 1, 2, 3, 4].map((i) => size + i));
  expect(tokenizerWith(config).special.eos).toEqual([size + 1]);
  expect(tokenizerWith(config).decode([size + 2])).toBe('<mask>');
});

test('a declared token that the vocabulary has keeps its id, and is found before the text is split', () => {
  const plain = tokenizerWith({});
  const [id] = plain.encode('t', { special: false });
  expect(idsOf({ additional_special_tokens: ['t'] }, 'the')[0]).toBe(id);
  expect(tokenizerWith({ additional_special_tokens: ['t'] }).vocabularySize).toBe(size);
  expect(plain.vocabularySize).toBe(size);
});

test('tokens of a name of their own are read by templates', () => {
  const config = { extra_special_tokens: { image_token: '<img>' }, chat_template: '{{ image_token }}' };
  const tokenizer = tokenizerWith(config);
  expect(tokenizer.encodeChat([{ role: 'user', content: '' }])).toEqual([size]);
});

test('a declared id that the token would not get is refused', async () => {
  const config = { added_tokens_decoder: { [size + 7]: { content: '<a>', ...flags } } };
  expect(await refusalOf(async () => tokenizerWith(config))).toContain(
    `the token '<a>' is declared with id ${size + 7}, but would get ${size}`,
  );
});
