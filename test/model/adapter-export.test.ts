import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  checkAdapterFolder,
  convert,
  mergeAdapter,
  padded,
  provenanceOf,
  writeGgufAdapter,
} from '../../src/artifact/index.ts';
import {
  decodeStored,
  ggufFromLora,
  isPlain,
  type LoraAdapter,
  type LoraModule,
  openCheckpoint,
  readAdapter,
  readGgufHeader,
  writeAdapter,
} from '../../src/checkpoint/index.ts';
import { modulesOf } from '../../src/model/index.ts';
import { call } from '../command-line.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import {
  adapterNames,
  adapterPath,
  distance,
  forwardOf,
  goldenPath,
  logitsOf,
  opened,
  readAdapterGolden,
} from './goldens.ts';

const provenance = provenanceOf('test', '', {}, 0);
const lora = (name: string) => readAdapter(adapterPath(name)) as LoraAdapter;

/** The values of every tensor of a GGUF file, as they stand in it. */
function tensorsIn(path: string): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const bytes = readFileSync(path);
  return new Map(
    [...readGgufHeader(path).tensors.values()].map(({ name, shape, type, offset, bytes: length }) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      decodeStored(type, bytes.subarray(offset, offset + length), data);
      return [name, { shape, data }];
    }),
  );
}

/** As llama.cpp applies an adapter: W + alpha / rank * B A, with the rows of W and B as they stand in the files. */
function applied(weights: string, adapter: string): Map<string, Float32Array> {
  const [base, own] = [tensorsIn(weights), tensorsIn(adapter)];
  const alpha = readGgufHeader(adapter).values.get('adapter.lora.alpha') as number;
  for (const [name, { shape, data: a }] of own) {
    if (!name.endsWith('.lora_a')) continue;
    const [rank, inner] = shape as [number, number];
    const weight = name.replace('.lora_a', '');
    const b = own.get(`${weight}.lora_b`) as { shape: readonly number[]; data: Float32Array };
    const into = base.get(weight) as { shape: readonly number[]; data: Float32Array };
    expect([...into.shape, rank]).toEqual([b.shape[0], inner, b.shape[1]]);
    for (let at = 0; at < into.data.length; at++) {
      const [i, j] = [Math.floor(at / inner), at % inner];
      let product = 0;
      for (let r = 0; r < rank; r++) product += (b.data[i * rank + r] as number) * (a[r * inner + j] as number);
      into.data[at] = (into.data[at] as number) + (alpha / rank) * product;
    }
  }
  return new Map([...base].map(([name, { data }]) => [name, data]));
}

const plain = adapterNames.filter((name) => name.startsWith('lora') && isPlain(lora(name)));

test.each(['lora-dora', 'lora-saved', 'lora-biases'])('%s is more than LoRA, and is not exported', async (name) => {
  const out = join(temporaryFolder(), 'out');
  const { code, err } = await call(['adapter', 'export', adapterPath(name), out]);
  expect({ code, lines: err.split('\n').length }).toEqual({ code: 2, lines: 2 });
  expect(err).toContain('cannot be exported as LoRA (merge it with cria merge)');
  expect(plain).not.toContain(name);
});

describe.each(plain)('%s', (name) => {
  const { checkpoint, sequences } = readAdapterGolden(name);

  // oracle 6 of EVA
  test('padded to one rank it has the logits of PEFT, and one scale for every program', async () => {
    const model = opened(goldenPath(checkpoint));
    const maps = new Map([...modulesOf(model.config)].map(([path, { shape }]) => [path, shape]));
    const folder = temporaryFolder();
    await writeAdapter(folder, padded(lora(name), maps));
    const check = checkAdapterFolder(folder);
    expect(check).toMatchObject({ agree: true, rslora: false, patterned: { ranks: 0, alphas: 0 } });
    const forward = await forwardOf(opened(goldenPath(checkpoint), { adapters: [folder] }));
    for (const { ids, logits } of sequences) {
      expect(distance(await logitsOf(forward, ids), logits.flat())).toBeLessThan(1e-4);
    }
  });

  test('in GGUF it changes the weights, as llama.cpp has them, by what is merged', async () => {
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, name);
    const stored = openCheckpoint(goldenPath(checkpoint));
    await convert(stored, at('base'), { to: 'safetensors', type: 'F32', provenance }); // so that merging rounds nothing
    stored.close();
    const source = openCheckpoint(at('base'));
    await convert(source, at('base.gguf'), { to: 'gguf', type: 'F32', provenance });
    await writeGgufAdapter(at('adapter.gguf'), lora(name), source, false);
    await mergeAdapter(source, lora(name), at('merged'), { provenance });
    source.close();
    const merged = openCheckpoint(at('merged'));
    await convert(merged, at('merged.gguf'), { to: 'gguf', type: 'F32', provenance });
    merged.close();
    const expected = tensorsIn(at('merged.gguf'));
    for (const [tensor, data] of applied(at('base.gguf'), at('adapter.gguf'))) {
      expect(distance(data, expected.get(tensor)?.data as Float32Array), tensor).toBeLessThan(1e-6);
    }
  });
});

test('the file says that it is LoRA and for what, and even ranks keep their B', () => {
  const { config } = opened(goldenPath('qwen2')).checkpoint;
  const { metadata, types, tensors } = ggufFromLora(lora('lora-qwen'), config, 'qwen2');
  expect(Object.fromEntries(metadata)).toMatchObject({
    ...{ 'general.architecture': 'qwen2', 'general.type': 'adapter', 'adapter.type': 'lora', 'adapter.lora.alpha': 4 },
  });
  expect(types?.get('adapter.lora.alpha')).toBe('f32');
  const all = [...tensors];
  expect(all).toHaveLength(2 * lora('lora-qwen').modules.size);
  const b = all.find(({ name }) => name === 'blk.0.attn_q.weight.lora_b');
  const { b: own } = lora('lora-qwen').modules.get('model.layers.0.self_attn.q_proj') as LoraModule;
  expect(new Float32Array(new Uint8Array(b?.bytes() ?? []).buffer)).toEqual(own);
});

test('modules that are left out in some blocks get pairs of zeros where the model is known', () => {
  const [q, v] = ['self_attn.q_proj', 'self_attn.v_proj'].map((linear) => (layer: number) => {
    return `model.layers.${layer}.${linear}`;
  }) as [(layer: number) => string, (layer: number) => string];
  const module = (rank: number, alpha: number): LoraModule => {
    const values = { a: new Float32Array(rank * 2).fill(1), b: new Float32Array(2 * rank).fill(2) };
    return { rank, alpha, scale: alpha / rank, inner: 2, out: 2, ...values };
  };
  const modules = new Map([
    [q(0), module(1, 3)],
    [v(1), module(2, 12)],
  ]);
  const maps = new Map([q(0), q(1), v(0), v(1), 'model.layers.0.mlp.up_proj'].map((path) => [path, [2, 2] as const]));
  const adapter = padded({ kind: 'lora', base: 'org/name', modules, rslora: false }, maps);
  expect([...adapter.modules.keys()].sort()).toEqual([q(0), v(0), q(1), v(1)].sort());
  const common = { rank: 2, alpha: 6, scale: 3, inner: 2, out: 2 };
  expect(adapter.modules.get(q(0))).toEqual({
    ...{ ...common, a: Float32Array.of(1, 1, 0, 0), b: Float32Array.of(2, 0, 2, 0) },
  });
  expect(adapter.modules.get(v(1))?.b).toEqual(new Float32Array(4).fill(4)); // a scale of 6 at a scale of 3
  expect(adapter.modules.get(v(0))).toEqual({ ...common, a: new Float32Array(4), b: new Float32Array(4) });
  expect([...padded({ ...adapter, modules }, new Map()).modules.keys()]).toEqual([q(0), v(1)]);
});

test('GGUF has no place for a head that is the embedding', async () => {
  const tied = opened(goldenPath('llama-tied')).checkpoint;
  const [sizes] = [tied.tensors.get('model.embed_tokens.weight')?.shape as [number, number]];
  const module = { rank: 1, alpha: 1, scale: 1, a: new Float32Array(sizes[1]), b: new Float32Array(sizes[0]) };
  const modules = new Map([['lm_head', { ...module, out: sizes[0], inner: sizes[1] }]]);
  const adapter: LoraAdapter = { kind: 'lora', base: '', modules, rslora: false };
  expect(await refusalOf(() => ggufFromLora(adapter, tied.config, tied.path))).toContain(
    'has no lm_head of its own (fold the adapter into the weights with cria merge)',
  );
});

const tiny = goldenPath('llama-gqa');

test('adapter check tells what a server needs, on lines and as an object', async () => {
  const { out } = await call(['adapter', 'check', adapterPath('lora-patterns'), '--model', tiny]);
  expect(out).toContain('ranks 2 to 5; r 3, lora_alpha 6');
  expect(out).toContain('3 ranks and 4 alphas from patterns');
  expect(out).toMatch(
    /vLLM {7}B A times 2: lora_alpha \/ r\n {11}not PEFT's scale in 6 of 7 modules: lm_head gets 2 instead of 0.667\n/,
  );
  expect(out).toContain(`fits ${tiny}`);
  expect(out).toContain('vLLM: start it with --enable-lora --max-lora-rank 8');
  expect(out).toContain(`vLLM: serve the output of cria adapter export ${adapterPath('lora-patterns')} OUT`);
  const { out: json } = await call(['adapter', 'check', adapterPath('lora'), '--json']);
  expect(JSON.parse(json)).toMatchObject({ agree: true, maxLoraRank: 8, advice: [expect.stringContaining('vLLM')] });
  expect((await call(['adapter', 'check', adapterPath('prompt')])).out).toMatch(/^a prompt of \d virtual tokens/);
});

test('adapter export writes what it says', async () => {
  const folder = temporaryFolder();
  const [even, file] = [join(folder, 'even'), join(folder, 'adapter.gguf')];
  const argv = ['adapter', 'export', adapterPath('lora-patterns')];
  const { out: told } = await call([...argv, even, '--json']);
  expect(JSON.parse(told)).toEqual({ path: even, bytes: expect.any(Number) });
  expect(JSON.parse(readFileSync(join(even, 'cria.json'), 'utf8')).command).toBe('adapter export');
  const { code } = await call([...argv, file, '--to', 'gguf', '--model', tiny]);
  expect([code, readGgufHeader(file).values.get('general.type')]).toEqual([0, 'adapter']);
  expect((await call([...argv, file, '--to', 'gguf', '--model', tiny])).err).toContain('already exists');
});

test.each([
  [[], 'adapter: needs a subcommand (use cria adapter check or cria adapter export)'],
  [['check', tiny], `${tiny}: has no adapter_config.json`],
  [['check', 'nowhere'], 'nowhere: does not exist'],
  [
    ['check', adapterPath('lora'), '--model', goldenPath('mistral')],
    `${adapterPath('lora')}: it adapts model.layers.0`,
  ],
  [['export', adapterPath('prompt'), 'x'], 'a prompt adapter: only LoRA can be exported'],
  [
    ['export', adapterPath('lora'), 'x.gguf', '--to', 'gguf'],
    '--to gguf: requires --model, which determines the row order',
  ],
  [['export', adapterPath('lora'), 'x.gguf'], 'ends in .gguf, but the output is a folder (use --to gguf'],
  [['export', adapterPath('lora'), 'src', '--to', 'gguf', '--model', tiny], 'src: already exists'],
  [['export', adapterPath('lora'), adapterPath('lora'), '--force'], '(choose another output)'],
])('adapter %j is refused', async (argv, sentence) => {
  const { code, err } = await call(['adapter', ...argv]);
  expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
});
