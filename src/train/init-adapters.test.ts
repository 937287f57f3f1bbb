import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../test/hostile.ts';
import { goldenPath, opened } from '../../test/model/goldens.ts';
import type { LoraModule } from '../checkpoint/index.ts';
import { initLora, initPrefix, initPrompt, targetsOf } from './init-adapters.ts';

const options = { rank: 4, alpha: 8, rslora: false, targets: [] };

describe('LoRA', () => {
  test('is on every linear layer of every block where no targets are named', () => {
    const { modules } = initLora(opened(goldenPath('llama-gqa')), options, 0);
    expect(modules.size).toBe(2 * 7);
  });

  test('starts with A uniform within 1 / sqrt(inner), as PEFT does, and B zero', () => {
    for (const { a, b, inner, rank, out, scale } of initLora(
      opened(goldenPath('llama-gqa')),
      options,
      0,
    ).modules.values()) {
      const largest = Math.max(...a.map(Math.abs));
      expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(inner));
      expect(largest).toBeGreaterThan(0.9 / Math.sqrt(inner));
      expect([a.length, b.length, scale]).toEqual([rank * inner, out * rank, 2]);
      expect(b.every((x) => x === 0)).toBe(true);
    }
  });

  test('is scaled by alpha / sqrt(rank) when it is rank stabilized', () => {
    const { modules, rslora } = initLora(opened(goldenPath('llama')), { ...options, rslora: true }, 0);
    expect(rslora).toBe(true);
    expect([...modules.values()].every(({ scale }) => scale === 4)).toBe(true);
  });

  test('of one module is the same whatever else is adapted, and another in every layer and for every seed', () => {
    const model = opened(goldenPath('llama-gqa'));
    const made = (seed: number, ...targets: string[]) => initLora(model, { ...options, targets }, seed).modules;
    const at = (modules: ReadonlyMap<string, LoraModule>, layer: number) =>
      String(modules.get(`model.layers.${layer}.self_attn.q_proj`)?.a);
    expect(at(made(5, 'q_proj'), 1)).toBe(at(made(5, 'up_proj', 'q_proj', 'v_proj'), 1));
    expect(new Set([at(made(5), 0), at(made(5), 1), at(made(6), 0), at(made(6), 1)]).size).toBe(4);
  });

  test('of a rank that a layer cannot have is refused', async () => {
    const model = opened(goldenPath('llama-gqa'));
    const refused = (rank: number) => refusalOf(() => initLora(model, { ...options, rank, targets: ['k_proj'] }, 0));
    expect(await refused(33)).toBe(
      '--rank: a rank of 33 is too large for self_attn.k_proj of 32 x 64 (use at most 32)',
    );
    expect(initLora(model, { ...options, rank: 32, targets: ['k_proj'] }, 0).modules.size).toBe(2);
  });
});

test('targets are named shortly or in full', async () => {
  expect(targetsOf(['q_proj', 'mlp.up_proj'])).toEqual(['self_attn.q_proj', 'mlp.up_proj']);
  for (const wrong of ['proj', 'lm_head', '']) {
    expect(await refusalOf(() => targetsOf([wrong]))).toContain(
      `--targets: '${wrong}' is not a linear layer (use some of q_proj`,
    );
  }
});

describe('a prompt', () => {
  test.each(['llama', 'gemma3'])('of %s starts as embeddings of words, as the first block reads them', (name) => {
    const { config, checkpoint, ...model } = opened(goldenPath(name));
    const { tokens, width, embeddings } = initPrompt({ ...model, config, checkpoint }, 6, 1);
    const table = checkpoint.readFloat32('model.embed_tokens.weight').map((x) => x * config.embeddingScale);
    const rows = Array.from({ length: config.vocabulary }, (_, id) =>
      String(table.subarray(id * width, (id + 1) * width)),
    );
    const found = Array.from({ length: tokens }, (_, t) =>
      rows.indexOf(String(embeddings.subarray(t * width, (t + 1) * width))),
    );
    expect(found).not.toContain(-1);
    expect(new Set(found).size).toBeGreaterThan(2);
  });

  test('is another for another seed', () => {
    const model = opened(goldenPath('llama'));
    expect(initPrompt(model, 6, 1).embeddings).not.toEqual(initPrompt(model, 6, 2).embeddings);
  });
});

test('a prefix has small keys and values of the heads of every layer', () => {
  const model = opened(goldenPath('llama-gqa'));
  const { keys, values, heads, headSize } = initPrefix(model, 5, 1);
  expect([keys.length, values.length, heads, headSize]).toEqual([2, 2, 2, 16]);
  const all = [...keys, ...values];
  expect(all.every((part) => part.length === 5 * 2 * 16)).toBe(true);
  expect(new Set(all.map(String)).size).toBe(4);
  expect(Math.max(...all.flatMap((part) => [...part].map(Math.abs)))).toBeLessThan(0.1);
});
