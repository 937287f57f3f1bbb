import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { needs, shared } from '../../../test/shared.ts';
import { openFolder } from '../folder.ts';
import type { Checkpoint, MetadataValue } from '../types.ts';
import { ggufFromHuggingFace } from './export.ts';
import { readGgufHeader } from './header.ts';
import { openGguf } from './open.ts';
import { type GgufTensor, writeGguf } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-gguf-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const smollm = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(smollm, 'SmolLM2');
const sources = ['test/goldens/gguf/llama.gguf', 'test/goldens/gguf/gemma3.gguf'];

test.each(sources)('%s, read and written again, has the same metadata and the same bytes', sameAgain);

test.skipIf(skip)(`SmolLM2, read and written again, has the same metadata and the same bytes${reason}`, () =>
  sameAgain(smollm as string),
);

async function sameAgain(source: string): Promise<void> {
  const checkpoint = openGguf(source);
  const path = join(folder, 'again.gguf');
  const carried = readGgufHeader(source);
  await writeGguf(
    path,
    ggufFromHuggingFace({ path: source, config: checkpoint.config, tensors: tensorsOf(checkpoint), carried }),
  );
  checkpoint.close();

  const again = readGgufHeader(path);
  for (const [key, value] of carried.values) {
    if (key === 'general.file_type') continue; // the most frequent type by our count
    expect(again.values.get(key), key).toEqual(value);
    expect(again.types.get(key), key).toBe(carried.types.get(key));
  }
  const [before, after] = [readFileSync(source), readFileSync(path)];
  expect([...again.tensors.keys()].sort()).toEqual([...carried.tensors.keys()].sort());
  for (const [name, { offset, bytes }] of carried.tensors) {
    const written = again.tensors.get(name);
    const [a, b] = [before.subarray(offset, offset + bytes), after.subarray(written?.offset).subarray(0, bytes)];
    expect(a.equals(b), name).toBe(true);
  }
}

const base = {
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  vocab_size: 8,
  rope_theta: 500_000,
};
const embedding: GgufTensor = zeros('model.embed_tokens.weight', [8, 32]);
const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 };

test.each<[string, Record<string, unknown>]>([
  ['linear', { rope_type: 'linear', factor: 2.5 }],
  ['YaRN', yarn],
  ['YaRN with its own constants', { ...yarn, beta_fast: 16, beta_slow: 2, attention_factor: 1.5 }],
  [
    'LongRoPE',
    {
      rope_type: 'longrope',
      long_factor: [2, 3, 4, 5],
      short_factor: [1, 1, 1, 2],
      attention_factor: 1.25,
      original_max_position_embeddings: 32,
    },
  ],
  [
    'Llama 3',
    {
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
  ],
])('%s RoPE scaling survives GGUF', async (_, scaling) => {
  const { rope_theta, rope_scaling } = await throughGguf({ ...base, rope_scaling: scaling });
  expect(rope_theta).toBe(500_000);
  const read = rope_scaling as Record<string, unknown>;
  expect(Object.keys(read).sort()).toEqual(Object.keys(scaling).sort());
  for (const [key, value] of Object.entries(scaling)) {
    if (typeof value === 'number') expect(read[key], key).toBeCloseTo(value, 6);
    else expect(read[key], key).toEqual(value);
  }
});

test('attention factors are those that transformers computes, given as llama.cpp takes them', async () => {
  const lists = { long_factor: [1, 1, 1, 1], short_factor: [1, 1, 1, 1] };
  const longrope = { rope_type: 'longrope', ...lists, original_max_position_embeddings: 16 };
  const { rope_scaling } = await throughGguf({ ...base, rope_scaling: longrope }); // 128 positions from 16
  expect(rope_scaling).toMatchObject({ attention_factor: expect.closeTo(Math.sqrt(1 + 3 / 4), 6) });

  // llama.cpp multiplies by 0.1 ln(4) + 1 by itself.
  const config = { ...base, rope_scaling: { ...yarn, attention_factor: 0.1 * Math.log(4) + 1 } };
  const { metadata } = ggufFromHuggingFace({ path: 'm', config, tensors: [embedding] });
  expect(metadata.get('llama.rope.scaling.attn_factor')).toBeCloseTo(1, 12);
});

test("transformers 5's rope_parameters say the same as rope_theta and rope_scaling", async () => {
  const { rope_theta: _, ...rest } = base;
  const read = await throughGguf({ ...rest, rope_parameters: { ...yarn, rope_theta: 1e6 } });
  expect(read).toMatchObject({ rope_theta: 1e6, rope_scaling: yarn });
});

const goldens = 'test/goldens/architectures';
const expressible = readdirSync(goldens).filter((name) => name !== 'llama-dynamic');

test.each(expressible)('the %s checkpoint of transformers comes back from GGUF with its own values', async (name) => {
  const source = openFolder(join(goldens, name));
  const { head_dim: headSize } = source.config;
  // llama.cpp computes the scale of the scores from the head size.
  const config = name === 'gemma3' ? { ...source.config, query_pre_attn_scalar: headSize } : source.config;
  const path = join(folder, 'golden.gguf');
  await writeGguf(path, ggufFromHuggingFace({ path: name, config, tensors: tensorsOf(source) }));
  const read = openGguf(path);
  expect([...read.tensors.keys()].sort()).toEqual([...source.tensors.keys()].sort());
  for (const tensor of source.tensors.keys()) {
    const [before, after] = [source.readFloat32(tensor), read.readFloat32(tensor)];
    // Adding and taking off 1 costs the last bits of Gemma's norms.
    const rounding = name === 'gemma3' && tensor.endsWith('norm.weight') ? 2 ** -23 : 0;
    expect(Math.max(...before.map((value, i) => Math.abs(value - (after[i] as number)))), tensor).toBeLessThanOrEqual(
      rounding,
    );
  }
  for (const key of [
    'model_type',
    'hidden_size',
    'num_key_value_heads',
    'tie_word_embeddings',
    'sliding_window',
    'layer_types',
  ]) {
    if (read.config[key] !== undefined && source.config[key] !== undefined)
      expect(read.config[key], key).toEqual(source.config[key]);
  }
  source.close();
  read.close();
});

test('what GGUF cannot say is refused', async () => {
  const gemma = { ...base, model_type: 'gemma3_text', head_dim: 8, sliding_window: 4 };
  for (const [config, sentence] of [
    [{ ...base, model_type: 'mamba' }, 'architecture "mamba" is not supported'],
    [{ ...base, rope_scaling: { type: 'dynamic', factor: 2 } }, '"dynamic" cannot be written'],
    [{ ...base, rope_scaling: { type: 'linear' } }, 'no valid factor'],
    [{ ...base, hidden_size: undefined }, 'hidden_size is missing'],
    [{ ...gemma, query_pre_attn_scalar: 24 }, 'query_pre_attn_scalar is 24'],
    [{ ...gemma, layer_types: ['full_attention', 'sliding_attention'] }, 'irregular intervals'],
  ] as const) {
    await expect(throughGguf(config), sentence).rejects.toThrow(sentence);
  }
  const stray = [embedding, zeros('model.layers.0.mlp.experts.0.weight', [8, 32])];
  expect(() => ggufFromHuggingFace({ path: 'm', config: base, tensors: stray })).toThrow('no such tensor');
});

test('vectors become F32, a tied head is left out, and the tokenizer is taken in', () => {
  const tensors = [embedding, zeros('lm_head.weight', [8, 32]), zeros('model.norm.weight', [32])];
  const tokenizer = new Map<string, MetadataValue>([['tokenizer.ggml.model', 'gpt2']]);
  const config = { ...base, tie_word_embeddings: true };
  const contents = ggufFromHuggingFace({ path: 'm', config, tensors, tokenizer });
  expect([...contents.tensors].map(({ name, type }) => [name, type])).toEqual([
    ['token_embd.weight', 'F16'],
    ['output_norm.weight', 'F32'],
  ]);
  expect(contents.metadata.get('tokenizer.ggml.model')).toBe('gpt2');
  expect(contents.metadata.get('general.file_type')).toBe(1);
});

async function throughGguf(config: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, 'config.gguf');
  const layers = Array.from({ length: 2 }, (_, i) => zeros(`model.layers.${i}.input_layernorm.weight`, [32]));
  await writeGguf(path, ggufFromHuggingFace({ path: 'm', config, tensors: [embedding, ...layers] }));
  const checkpoint = openGguf(path);
  checkpoint.close();
  return checkpoint.config;
}

function tensorsOf(checkpoint: Checkpoint): GgufTensor[] {
  return [...checkpoint.tensors.values()].map(({ name, shape, type }) => ({
    name,
    shape,
    type,
    bytes: () => checkpoint.readBytes(name),
  }));
}

function zeros(name: string, shape: number[]): GgufTensor {
  const bytes = new Uint8Array(2 * shape.reduce((product, size) => product * size, 1));
  return { name, shape, type: 'F16', bytes: () => bytes };
}
