import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../../test/hostile.ts';
import { randomFrom } from '../../base/index.ts';
import { type Adapter, type LoraAdapter, type LoraModule, loraScale } from './adapter.ts';
import { readAdapter } from './read.ts';
import { writeAdapter } from './write.ts';

const random = randomFrom(1);
const values = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5);

const q = 'model.layers.0.self_attn.q_proj';
const up = 'model.layers.10.mlp.up_proj';
const down = 'model.layers.2.mlp.down_proj';

function module(rank: number, alpha: number, rslora = false): LoraModule {
  const scale = loraScale(alpha, rank, rslora);
  return { rank, alpha, scale, inner: 6, out: 4, a: values(rank * 6), b: values(4 * rank) };
}

function lora(modules: Readonly<Record<string, LoraModule>>, rslora = false): LoraAdapter {
  return { kind: 'lora', base: 'org/name', modules: new Map(Object.entries(modules)), rslora };
}

async function written(adapter: Adapter): Promise<string> {
  const folder = temporaryFolder();
  await writeAdapter(folder, adapter);
  return folder;
}

const configIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'));

/** Writes an adapter with other keys in its configuration; undefined takes a key away. */
async function withKeys(adapter: Adapter, keys: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await written(adapter);
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...configIn(folder), ...keys }));
  return folder;
}

const prompt: Adapter = { kind: 'prompt', base: 'org/name', tokens: 3, width: 4, embeddings: values(12) };
const prefix: Adapter = {
  kind: 'prefix',
  base: 'org/name',
  tokens: 3,
  heads: 2,
  headSize: 4,
  keys: [values(24), values(24)],
  values: [values(24), values(24)],
};

test.each([
  ['LoRA of one rank', lora({ [q]: module(2, 16), [down]: module(2, 16) })],
  ['rank-stabilized LoRA of one rank', lora({ [q]: module(4, 16, true) }, true)],
  ['a prompt', prompt],
  ['a prefix', prefix],
])('%s comes back as it was, and the same bytes again', async (_, adapter) => {
  const folder = await written(adapter);
  const read = readAdapter(folder);
  expect(read).toEqual(adapter);
  const again = await written(read);
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    expect(readFileSync(join(again, name)).equals(readFileSync(join(folder, name))), name).toBe(true);
  }
});

test.each([false, true])(
  'uneven ranks have a scale of 1 for PEFT and for vLLM (rank-stabilized: %s)',
  async (rslora) => {
    const adapter = lora(
      { [up]: module(3, 6, rslora), [q]: module(5, 10, rslora), [down]: module(1, 2, rslora) },
      rslora,
    );
    const folder = await written(adapter);
    const config = configIn(folder);
    expect(config.lora_alpha / config.r).toBe(1); // vLLM reads nothing else
    expect(config).toMatchObject({ r: 5, use_rslora: false, rank_pattern: { [up]: 3, [down]: 1 } });
    expect(config.target_modules).toEqual([q, down, up]); // layer 10 stands behind layer 2
    for (const [path, { scale, b, a, rank }] of (readAdapter(folder) as LoraAdapter).modules) {
      const before = adapter.modules.get(path) as LoraModule;
      expect([scale, rank, a]).toEqual([1, before.rank, before.a]);
      expect(b).toEqual(before.b.map((value) => value * before.scale));
    }
  },
);

test('equal ranks with unequal alphas are written at a scale of 1 too', async () => {
  const folder = await written(lora({ [q]: module(2, 2), [up]: module(2, 8) }));
  expect(configIn(folder)).toMatchObject({ r: 2, lora_alpha: 2, rank_pattern: {}, alpha_pattern: {} });
  const { modules } = readAdapter(folder) as LoraAdapter;
  expect([...modules.values()].map(({ scale }) => scale)).toEqual([1, 1]);
});

test('patterns match from a dot to the end of the path, the first one wins', async () => {
  const adapter = lora({ [q]: module(2, 4), [up]: module(2, 4), [down]: module(2, 4) });
  const alpha_pattern = { 'mlp.*_proj': 8, up_proj: 16, proj: 32, 'layers.0.self_attn.q_proj': 64 };
  const { modules } = readAdapter(await withKeys(adapter, { alpha_pattern })) as LoraAdapter;
  expect([...modules].map(([path, { alpha }]) => [path, alpha])).toEqual([
    [q, 64],
    [down, 8],
    [up, 8],
  ]);
});

const manyRules = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`x${i}`, 2]));
const plain = lora({ [q]: module(2, 4) });

test.each([
  ['has no lora_magnitude_vector of', plain, { use_dora: true }],
  ['names lm_head in modules_to_save, but holds no tensor of it', plain, { modules_to_save: ['lm_head'] }],
  ['LoRA with lora_bias is not supported', plain, { lora_bias: true }],
  ['LoRA with fan_in_fan_out is not supported', plain, { fan_in_fan_out: true }],
  ['LoRA initialised with "pissa" changes the base model', plain, { init_lora_weights: 'pissa' }],
  ['adapters of the type "IA3" are not supported', plain, { peft_type: 'IA3' }],
  ['adapters of the type "null" are not supported', plain, { peft_type: undefined }],
  ['has rank 2, but adapter_config.json says 3', plain, { r: 3 }],
  ['has rank 2, but adapter_config.json says 8', plain, { rank_pattern: { q_proj: 8 } }],
  ['r is 0, but must be positive', plain, { r: 0 }],
  ['lora_alpha is missing', plain, { lora_alpha: undefined }],
  ['alpha_pattern "q_proj" is "4"', plain, { alpha_pattern: { q_proj: '4' } }],
  ['rank_pattern has 10001 keys, more than 10000', plain, { rank_pattern: manyRules }],
  ['rank_pattern is not an object', plain, { rank_pattern: [2] }],
  ['the pattern "(a*)*q_proj" is not one that cria reads', plain, { alpha_pattern: { '(a*)*q_proj': 2 } }],
  ['is not one that cria reads', plain, { alpha_pattern: { [`${'a?'.repeat(40)}b`]: 2 } }],
  ['is not one that cria reads', plain, { alpha_pattern: { [`${'(a|a)'.repeat(40)}b`]: 2 } }],
  ['the pattern "q_(proj" is not one that cria reads', plain, { alpha_pattern: { 'q_(proj': 2 } }],
  ['num_virtual_tokens is 4, but the tensors have 3', prompt, { num_virtual_tokens: 4 }],
  ['token_dim is 5, but the tensors have 4', prompt, { token_dim: 5 }],
  ['rows of 32 values are not a multiple of 3 heads in 2 layers', prefix, { num_attention_heads: 3 }],
  ['has no valid num_layers', prefix, { num_layers: 1e9 + 0.5 }],
  ['rows of 32 values are not a multiple of 2 heads in 4000000000 layers', prefix, { num_layers: 4e9 }],
])('%s', async (sentence, adapter, keys) => {
  const folder = await withKeys(adapter, keys);
  expect(await refusalOf(() => readAdapter(folder))).toContain(sentence);
});

test('LoRA that started from EVA is plain LoRA', async () => {
  expect(readAdapter(await withKeys(plain, { init_lora_weights: 'eva', eva_config: { rho: 2 } }))).toEqual(plain);
});

test('a folder that is missing or lacks a part says which', async () => {
  const folder = await written(prompt);
  const weights = join(folder, 'adapter_model.safetensors');
  const bytes = readFileSync(weights);
  writeFileSync(weights, bytes.subarray(0, -4));
  expect(await refusalOf(() => readAdapter(folder))).toContain('the file is damaged or incomplete');
  rmSync(weights);
  expect(await refusalOf(() => readAdapter(folder))).toContain('has no adapter_model.safetensors');
  writeFileSync(join(folder, 'adapter_model.bin'), bytes);
  expect(await refusalOf(() => readAdapter(folder))).toContain('a pickle');
  rmSync(join(folder, 'adapter_config.json'));
  expect(await refusalOf(() => readAdapter(folder))).toContain('has no adapter_config.json');
  expect(await refusalOf(() => readAdapter(join(folder, 'no')))).toContain('does not exist');
});
