import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mergeAdapter, provenanceOf } from '../../src/artifact/index.ts';
import { randomFrom } from '../../src/base/index.ts';
import { type Adapter, type LoraAdapter, openCheckpoint, readAdapter } from '../../src/checkpoint/index.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { adapterPath, distance, forwardOf, goldenPath, logitsOf, opened, readAdapterGolden } from './goldens.ts';
import { ggufOf } from './variants.ts';

async function merged(source: string, adapter: Adapter): Promise<string> {
  const path = join(temporaryFolder(), 'merged');
  const checkpoint = openCheckpoint(source);
  try {
    await mergeAdapter(checkpoint, adapter, path, { provenance: provenanceOf('merge', source, {}, 0) });
  } finally {
    checkpoint.close();
  }
  return path;
}

const lora = (name: string) => readAdapter(adapterPath(name)) as LoraAdapter;

describe.each(['lora', 'lora-patterns', 'lora-qwen'])('%s', (name) => {
  const { checkpoint, sequences } = readAdapterGolden(name);

  test('the merged checkpoint has the logits of PEFT', async () => {
    const path = await merged(goldenPath(checkpoint), lora(name));
    const forward = await forwardOf(opened(path));
    for (const { ids, logits } of sequences) {
      expect(distance(await logitsOf(forward, ids), logits.flat())).toBeLessThan(1e-4);
    }
  });
});

/** W + scale * B A in float64. */
function sum(
  weight: Float32Array,
  { rank, scale, inner, out, a, b }: NonNullable<ReturnType<LoraAdapter['modules']['get']>>,
) {
  return Float64Array.from({ length: out * inner }, (_, at) => {
    const [i, j] = [Math.floor(at / inner), at % inner];
    let product = 0;
    for (let r = 0; r < rank; r++) product += (b[i * rank + r] as number) * (a[r * inner + j] as number);
    return (weight[at] as number) + scale * product;
  });
}

/** Whether every weight is W + scale * B A, rounded once to a type whose last place is half of `unit`. */
function expectSums(source: string, path: string, name: string, type: string, unit: number): void {
  const { modules } = lora(name);
  const [before, after] = [openCheckpoint(source), openCheckpoint(path)];
  for (const [tensor, { type: stored }] of after.tensors) {
    expect(stored).toBe(type);
    const weight = before.readFloat32(tensor);
    const update = modules.get(tensor.replace(/\.weight$/, ''));
    const exact = Float64Array.from(update ? sum(weight, update) : weight);
    const values = after.readFloat32(tensor);
    const isFar = (x: number, i: number) => Math.abs((values[i] as number) - x) > Math.abs(x) * unit + 2 ** -24;
    expect(exact.findIndex(isFar), tensor).toBe(-1);
  }
}

test('a model keeps its type, and sums are rounded to it once', async () => {
  const source = goldenPath('llama-tied');
  expectSums(source, await merged(source, lora('lora-rslora')), 'lora-rslora', 'BF16', 2 ** -8);
});

test('a quantized model becomes half floats', async () => {
  const source = join(temporaryFolder(), 'model.gguf');
  await ggufOf('llama-gqa', 'Q8_0', source);
  expectSums(source, await merged(source, lora('lora')), 'lora', 'F16', 2 ** -11);
});

test('an update of a head that shares the table of the embedding leaves the embedding alone', async () => {
  const random = randomFrom(3);
  const values = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5);
  const module = { rank: 2, alpha: 2, scale: 1, inner: 64, out: 64, a: values(128), b: values(128) };
  const adapter: LoraAdapter = { kind: 'lora', base: '', modules: new Map([['lm_head', module]]), rslora: false };
  const path = await merged(goldenPath('qwen2'), adapter);
  const ids = readAdapterGolden('lora-qwen').sequences[0]?.ids as readonly number[];
  const adapted = await logitsOf(await forwardOf(opened(goldenPath('qwen2'), { adapters: [adapter] })), ids);
  expect(distance(await logitsOf(await forwardOf(opened(path)), ids), adapted)).toBeLessThan(1e-4);
  expect(distance(await logitsOf(await forwardOf(opened(goldenPath('qwen2'))), ids), adapted)).toBeGreaterThan(0.1);
  expect(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')).tie_word_embeddings).toBe(false);
});

test('prompts, prefixes and adapters of other models are not merged', async () => {
  for (const name of ['prompt', 'prefix']) {
    const refusal = await refusalOf(() => merged(goldenPath('llama-gqa'), readAdapter(adapterPath(name))));
    expect(refusal).toContain(`a ${name} adapter cannot be merged into weights`);
  }
  expect(await refusalOf(() => merged(goldenPath('mistral'), lora('lora')))).toContain(
    'use the base model that the adapter was trained on',
  );
});
