import { describe, expect, onTestFinished, test } from 'vitest';
import { readAdapter } from '../../src/checkpoint/index.ts';
import { openBlockReader, type Plan } from '../../src/model/index.ts';
import { adapterPath, forwardOf, goldenNames, goldenPath, opened } from './goldens.ts';

const texts = [
  [1, 2, 3, 4, 5, 6],
  [7, 8, 9],
];
const parts = ['attention.input', 'attention.heads', 'mlp.input', 'mlp.hidden'];

describe.each<Plan>(['whole', 'by-layer'])('under the plan %s', (plan) => {
  test.each(goldenNames)('activations of every block of %s are those of the whole model', async (name) => {
    const model = opened(goldenPath(name), { plan });
    const layers = Array.from({ length: model.config.layers }, (_, layer) => layer);
    const paths = layers.flatMap((layer) => parts.map((part) => `layers.${layer}.${part}`));
    const forward = await forwardOf(opened(goldenPath(name), { plan: 'whole' }), { read: paths });
    const { read } = await forward.run(texts);
    const reader = openBlockReader(model);
    onTestFinished(() => reader.dispose());
    let compared = 0;
    for (const _ of ['once', 'and again, over the same arrays']) {
      await reader.run(texts, {
        wanted: () => parts,
        async show(layer, activations) {
          for (const part of parts) {
            const [seen, expected] = [activations[part], read[`layers.${layer}.${part}`]];
            expect(seen?.shape).toEqual(expected?.shape);
            for (const [i, x] of seen?.data.entries() ?? []) expect(x).toBeCloseTo(expected?.data[i] as number, 4);
            compared++;
          }
        },
      });
    }
    expect(compared).toBe(2 * paths.length);
  });
});

test('nothing is run beyond the last block that is wanted', async () => {
  const reader = openBlockReader(opened(goldenPath('llama-gqa')));
  onTestFinished(() => reader.dispose());
  const shown: number[] = [];
  const wanted = (layer: number) => (layer === 0 ? ['mlp.hidden'] : []);
  await reader.run(texts, { wanted, show: async (layer) => void shown.push(layer) });
  expect(shown).toEqual([0]);
  await expect(reader.run([[1, 999]], { wanted, show: async () => {} })).rejects.toThrow('not in the vocabulary');
});

test('adapters act on what is read, and a prompt stands in front', async () => {
  const read = async (...names: string[]) => {
    const adapters = names.map((name) => readAdapter(adapterPath(name)));
    const reader = openBlockReader(opened(goldenPath('llama-gqa'), { adapters }));
    onTestFinished(() => reader.dispose());
    const shapes: (readonly number[])[] = [];
    const firsts: number[] = [];
    await reader.run(texts, {
      wanted: (layer) => (layer === 1 ? ['attention.input'] : []),
      async show(_, { 'attention.input': seen }) {
        if (seen) shapes.push(seen.shape);
        if (seen) firsts.push(seen.data[0] as number);
      },
    });
    return { shape: shapes[0], first: firsts[0] };
  };
  const [plain, lora, prompt] = [await read(), await read('lora'), await read('prompt')];
  expect(lora.first).not.toBe(plain.first);
  expect(prompt.shape?.[1]).toBeGreaterThan(plain.shape?.[1] as number);
});
