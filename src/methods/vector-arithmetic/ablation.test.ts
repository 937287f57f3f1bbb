import { expect, onTestFinished, test } from 'vitest';
import { beginning, entities, fillers, newline, plantedModel } from '../../../test/methods/planted.ts';
import { randomFrom, silent } from '../../base/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';
import { ablated, ablationTexts, meanHeads } from './ablation.ts';
import { entityPrompts } from './prompts.ts';

test('answers stand behind one space where the tokenizer puts it there itself', () => {
  // of an alphabet and the mark that SentencePiece writes for a space
  const tokens = ['<unk>', '<s>', '</s>', '<0x0A>', '▁', ...'abcdefghQA:'];
  const metadata = new Map(
    Object.entries({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.scores': Float32Array.from(tokens, (_, i) => -i),
      'tokenizer.ggml.token_type': Int32Array.from(tokens, (_, i) => [2, 3, 3, 6][i] ?? 1),
    }),
  );
  const tokenizer = openTokenizer({ kind: 'gguf', metadata, path: 'small.gguf' });
  const parts = { beginning: 1, newline: 3, filler: fillers, length: 20 };
  const lines = [['a', 'b', 'c', 'd'] as const, ['c', 'd', 'a', 'b'] as const];
  const { mapping } = ablationTexts(tokenizer, parts, [{ name: 'x', prefix: '', lines }], 0, randomFrom(1));
  expect(mapping).toHaveLength(1);
  const [{ ids, from }] = mapping as [(typeof mapping)[0]];
  expect(ids.slice(from).map((id) => tokenizer.tokenOf(id))).toEqual(['▁', expect.stringMatching(/^[abcd]$/)]);
});

test('copying goes without the head that copies, naming without the head that carries the name', async () => {
  const model = await plantedModel();
  onTestFinished(() => model.close());
  const parts = { beginning, newline, filler: fillers, length: 20 };
  const list = fillers.slice(0, 12);
  const texts = {
    copying: [{ ids: [beginning, ...list, newline, ...list], from: 15 }],
    // an entity's second token, which both what is copied and the concept tell
    mapping: entities.map((entity) => {
      const { clean } = entityPrompts(parts, entity, randomFrom(entity[0]));
      return { ids: [...clean, entity[1]], from: clean.length };
    }),
    plain: [0, 20].map((from) => [beginning, ...fillers.slice(from, from + 20)]),
  };
  const means = await meanHeads(model, texts, undefined);
  const without = (layer: number, ...heads: number[]) =>
    ablated(
      model,
      texts,
      means,
      heads.map((head) => ({ layer, head })),
      { progress: silent },
    );
  const whole = await without(0);
  expect(whole.copying).toBeGreaterThan(0.8);
  expect(whole.mapping).toBeGreaterThan(0.8);
  const copyless = await without(1, 0);
  expect(copyless.copying).toBeLessThan(0.1);
  expect(copyless.mapping).toBeGreaterThan(0.8); // the concept still tells the second token
  const conceptless = await without(1, 1);
  expect(conceptless.copying).toBeGreaterThan(0.8);
  expect((await without(1, 0, 1)).mapping).toBeLessThan(0.1);
});
