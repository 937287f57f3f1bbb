import { describe, expect, test } from 'vitest';
import { opened } from '../../../test/model/goldens.ts';
import { needs, shared } from '../../../test/shared.ts';
import { tinyModel } from '../../../test/train/tiny.ts';
import { openTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { beginningId, newlineId, wordIds } from './spelling.ts';

const tokenizerOf = (path: string) => {
  const { checkpoint } = opened(path);
  return openTokenizer(checkpoint.tokenizer, checkpoint.generation);
};

test('begin token and new line are those of the tokenizer, and a word stands behind a space (oracle 8)', async () => {
  const tokenizer = tokenizerOf(await tinyModel());
  expect(beginningId(tokenizer, 'x')).toBe(tokenizer.special.bos);
  expect(tokenizer.decode([newlineId(tokenizer, 'x')])).toBe('\n');
  expect(tokenizer.decode(wordIds(tokenizer, 'three'))).toBe(' three');
});

const real = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(real, 'SmolLM2');
describe.skipIf(skip)(`of SmolLM2${reason}`, () => {
  test('begin token and new line are not those of Llama 2 (oracle 8)', () => {
    const tokenizer = tokenizerOf(real as string);
    expect(tokenizer.decode([beginningId(tokenizer, 'x')])).toBe('<|im_start|>');
    expect(newlineId(tokenizer, 'x')).toBe(198);
  });
});

test('a tokenizer without a token to begin with, or for a new line, is refused', () => {
  const without = { special: { bos: undefined, eos: [] }, encode: () => [] } as unknown as Tokenizer;
  expect(() => beginningId(without, 'model')).toThrow('model: the tokenizer has neither a begin nor an end token');
  expect(() => newlineId(without, 'model')).toThrow('model: the tokenizer has no token for a new line');
});
