import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/hostile.ts';
import { needs, shared, shippedModel } from '../../test/shared.ts';
import { type Checkpoint, openCheckpoint, readGgufHeader } from '../checkpoint/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import { type Conversion, convert } from './convert.ts';
import { provenanceOf } from './provenance.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-convert-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;

/** Converts a model and opens what came of it. */
async function converted(source: string, to: Conversion['to'], type?: Conversion['type']): Promise<Checkpoint> {
  const path = join(folder, `${++count}${to === 'gguf' ? '.gguf' : ''}`);
  const checkpoint = openCheckpoint(source);
  await convert(checkpoint, path, { to, type, provenance: provenanceOf('convert', source, { to }, 0) });
  checkpoint.close();
  return openCheckpoint(path);
}

function valuesOf(checkpoint: Checkpoint): Map<string, Float32Array> {
  return new Map([...checkpoint.tensors.keys()].sort().map((name) => [name, checkpoint.readFloat32(name)]));
}

function greatestDifference(a: Checkpoint, b: Checkpoint): number {
  const [left, right] = [valuesOf(a), valuesOf(b)];
  expect([...left.keys()]).toEqual([...right.keys()]);
  let greatest = 0;
  for (const [name, values] of left) {
    const others = right.get(name) as Float32Array;
    for (let i = 0; i < values.length; i++) {
      greatest = Math.max(greatest, Math.abs((values[i] as number) - (others[i] as number)));
    }
  }
  return greatest;
}

const goldens = 'test/goldens/architectures';
// GGUF cannot say dynamic scaling, nor the query scalar of the tiny Gemma.
const inGguf = readdirSync(goldens).filter((name) => name !== 'llama-dynamic' && name !== 'gemma3');

test.each(readdirSync(goldens))('%s comes back from a safetensors folder with the same values', async (name) => {
  const source = join(goldens, name);
  const written = await converted(source, 'safetensors');
  expect(greatestDifference(openCheckpoint(source), written)).toBe(0);
  const { dtype, torch_dtype = dtype, ...config } = JSON.parse(readFileSync(join(source, 'config.json'), 'utf8'));
  expect(written.config).toEqual({ ...config, torch_dtype });
  expect(written.generation).toEqual(JSON.parse(readFileSync(join(source, 'generation_config.json'), 'utf8')));
});

test.each(inGguf)('%s comes back from GGUF and a folder with the same values', async (name) => {
  const source = join(goldens, name);
  const file = await converted(source, 'gguf', 'F32');
  const again = await converted(file.path, 'safetensors', 'F32');
  expect(greatestDifference(openCheckpoint(source), again)).toBe(0);
});

test('every id that ends a text comes back from GGUF and a folder, where config.json alone has them', async () => {
  const source = temporaryFolder();
  const ends = [0, 2]; // of which the tokenizer names the second
  for (const name of readdirSync(shippedModel)) {
    if (/\.(json|safetensors)$/.test(name)) copyFileSync(join(shippedModel, name), join(source, name));
  }
  const config = JSON.parse(readFileSync(join(source, 'config.json'), 'utf8'));
  writeFileSync(join(source, 'config.json'), JSON.stringify({ ...config, eos_token_id: ends }));
  const endsOf = ({ tokenizer, generation }: Checkpoint) =>
    [...openTokenizer(tokenizer, generation).special.eos].sort((a, b) => a - b);
  const file = await converted(source, 'gguf');
  const again = await converted(file.path, 'safetensors');
  expect([openCheckpoint(source), file, again].map(endsOf)).toEqual([ends, ends, ends]);
  expect([...(again.generation.eos_token_id as number[])].sort((a, b) => a - b)).toEqual(ends);
});

test('half floats are within half a unit of their last place', async () => {
  const source = join(goldens, 'llama');
  for (const [type, unit] of [
    ['F16', 2 ** -11],
    ['BF16', 2 ** -8],
  ] as const) {
    const written = await converted(source, 'safetensors', type);
    expect(new Set([...written.tensors.values()].map((tensor) => tensor.type))).toEqual(new Set([type]));
    for (const [name, values] of valuesOf(openCheckpoint(source))) {
      const halves = written.readFloat32(name);
      for (const [i, value] of values.entries()) {
        expect(Math.abs((halves[i] as number) - value)).toBeLessThanOrEqual(Math.abs(value) * unit + 2 ** -25);
      }
    }
  }
});

test('a quantized file holds its type where rows are whole blocks, and every value within a step', async () => {
  const source = join(goldens, 'llama-linear'); // rows of 32 and of 48 values
  const written = await converted(source, 'gguf', 'Q8_0');
  const types = new Map([...written.tensors.values()].map(({ name, type }) => [name, type]));
  expect(types.get('model.layers.0.self_attn.q_proj.weight')).toBe('Q8_0');
  expect(types.get('model.layers.0.mlp.down_proj.weight')).toBe('F16'); // 48 values are no whole blocks of 32
  expect(types.get('model.norm.weight')).toBe('F32');
  const before = openCheckpoint(source);
  const largest = Math.max(...[...valuesOf(before).values()].map((values) => Math.max(...values.map(Math.abs))));
  expect(greatestDifference(before, written)).toBeLessThan(largest / 127);
});

test('safetensors folders do not take block types', async () => {
  await expect(converted(join(goldens, 'llama'), 'safetensors', 'Q4_0')).rejects.toThrow(
    '--dtype: a safetensors folder cannot hold q4_0, only f32, f16, bf16 (pass --to gguf)',
  );
});

test('what stands at the output stays, unless force is given', async () => {
  const path = join(folder, 'there');
  cpSync(join(goldens, 'llama'), path, { recursive: true });
  const checkpoint = openCheckpoint(join(goldens, 'qwen2'));
  const provenance = provenanceOf('convert', 'qwen2', {}, 0);
  const forced = convert(checkpoint, path, { to: 'safetensors', provenance, force: true });
  await expect(forced).rejects.toThrow('is a folder without cria.json');
  cpSync(join(goldens, 'llama', 'config.json'), join(path, 'cria.json'));
  const start = readdirSync(path);
  await expect(convert(checkpoint, path, { to: 'safetensors', provenance })).rejects.toThrow('already exists');
  expect(readdirSync(path)).toEqual(start);
  await convert(checkpoint, path, { to: 'safetensors', provenance, force: true });
  expect(openCheckpoint(path).config.model_type).toBe('qwen2');
  await expect(convert(checkpoint, path, { to: 'gguf', provenance, force: true })).rejects.toThrow('is a folder');
});

test('an aborted conversion leaves nothing', async () => {
  const path = join(folder, 'aborted');
  const checkpoint = openCheckpoint(join(goldens, 'llama'));
  const controller = new AbortController();
  const progress = { step: () => controller.abort(new Error('enough')), note() {} };
  const provenance = provenanceOf('convert', 'llama', {}, 0);
  const options = { to: 'safetensors', provenance, progress, signal: controller.signal } as const;
  await expect(convert(checkpoint, path, options)).rejects.toThrow('enough');
  expect(readdirSync(folder).filter((name) => name.includes('aborted'))).toEqual([]);
});

const smollm = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') ?? '';
const { skip, reason } = needs(smollm || undefined, 'SmolLM2');

test.skipIf(skip)(`SmolLM2 in GGUF again has the same bytes in every tensor${reason}`, async () => {
  const [before, after] = [openCheckpoint(smollm), await converted(smollm, 'gguf', 'Q4_1')];
  expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
  for (const [name, { type }] of before.tensors) {
    expect(after.tensors.get(name)?.type, name).toBe(type);
    expect(Buffer.compare(before.readBytes(name), after.readBytes(name)), name).toBe(0);
  }
});

test.skipIf(skip)(
  `SmolLM2 comes back from a folder in float32 to GGUF nearly as it was${reason}`,
  async () => {
    const before = openCheckpoint(smollm);
    const middle = await converted(smollm, 'safetensors', 'F32');
    expect(greatestDifference(before, middle)).toBe(0);
    const after = await converted(middle.path, 'gguf', 'Q4_1');
    const name = 'model.embed_tokens.weight'; // Q8_0 of values that are Q8_0 loses nothing
    expect(greatestOf(before.readFloat32(name), after.readFloat32(name))).toBeLessThan(1e-6);
    for (const [key, value] of readGgufHeader(smollm).values) {
      if (!key.startsWith('tokenizer.ggml.') || key.endsWith('_type')) continue;
      expect(readGgufHeader(after.path).values.get(key) ?? value, key).toEqual(value);
    }
    const text = "Don't count 12345 llamas: <|im_start|>¡olé! 🦙\n";
    const ids = (checkpoint: Checkpoint) => openTokenizer(checkpoint.tokenizer, checkpoint.generation).encode(text);
    expect(ids(middle)).toEqual(ids(before));
    expect(ids(after)).toEqual(ids(before));
  },
  120_000,
); // three passes over 135 million values

function greatestOf(a: Float32Array, b: Float32Array): number {
  return a.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - (b[i] as number))), 0);
}
