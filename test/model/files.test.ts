import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  encodeStored,
  ggufFromHuggingFace,
  openCheckpoint,
  type TensorToWrite,
  writeGguf,
  writeSafetensors,
} from '../../src/checkpoint/index.ts';
import { type Edit, loadModel, openForward } from '../../src/model/index.ts';
import { add, constant } from '../../src/tensor/index.ts';
import { call } from '../command-line.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { needs, shared } from '../shared.ts';
import { goldenPath } from './goldens.ts';
import { withConfig } from './variants.ts';

const ids = [1, 5, 9, 13, 17, 21, 25, 29, 3, 7];

async function logitsOf(path: string, edits: Readonly<Record<string, Edit>> = {}): Promise<Float32Array> {
  const model = loadModel(path);
  onTestFinished(() => model.close());
  const forward = await openForward(model, { edits });
  const logits = await forward.logits((await forward.run([ids])).lastHidden.data);
  await forward.dispose();
  return logits;
}

/** The tensors of a golden in float32, under names and values that `change` gives; undefined leaves one out. */
function tensorsOf(name: string, change: (tensor: TensorToWrite) => TensorToWrite | undefined = (tensor) => tensor) {
  const checkpoint = openCheckpoint(goldenPath(name));
  onTestFinished(() => checkpoint.close());
  return [...checkpoint.tensors.values()].flatMap(({ name: tensor, shape }) => {
    const bytes = () => encodeStored('F32', checkpoint.readFloat32(tensor));
    return change({ name: tensor, shape, type: 'F32', bytes }) ?? [];
  });
}

async function folderOf(
  name: string,
  tensors: readonly TensorToWrite[],
  config: Readonly<Record<string, unknown>> = {},
) {
  const folder = withConfig(name, config);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

const floats = (name: string, shape: readonly number[], of: (i: number) => number): TensorToWrite => ({
  name,
  shape,
  type: 'F32',
  bytes: () =>
    encodeStored(
      'F32',
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)),
    ),
});

test.each(['_orig_mod.', 'module.', 'module._orig_mod.'])(
  'a checkpoint whose names all begin with %s opens',
  async (prefix) => {
    const folder = await folderOf(
      'llama',
      tensorsOf('llama', (tensor) => ({ ...tensor, name: prefix + tensor.name })),
    );
    expect(await logitsOf(folder)).toEqual(await logitsOf(goldenPath('llama')));
  },
);

test.each([
  ['language_model.', 'it holds another kind of model, or its names have a prefix'],
  ['base_model.model.', 'the file has base_model.model.'],
])('another prefix, %s, is named', async (prefix, sentence) => {
  const folder = await folderOf(
    'llama',
    tensorsOf('llama', (tensor) => ({ ...tensor, name: prefix + tensor.name })),
  );
  expect(await refusalOf(() => loadModel(folder))).toContain(sentence);
});

test('a classifier is told from a language model', async () => {
  const headless = tensorsOf('llama', (tensor) => (tensor.name === 'lm_head.weight' ? undefined : tensor));
  const folder = await folderOf('llama', [...headless, floats('score.weight', [2, 64], () => 0)]);
  const refusal = await refusalOf(() => loadModel(folder));
  expect(refusal).toContain('is a classifier (score.weight)');
});

test('shards without an index open when all of them are there, and are counted when not', async () => {
  const tensors = tensorsOf('llama');
  const folder = withConfig('llama', {});
  renameSync(join(folder, 'model.safetensors'), join(folder, 'away'));
  await writeSafetensors(join(folder, 'model-00001-of-00002.safetensors'), tensors.slice(0, 5));
  expect(await refusalOf(() => loadModel(folder))).toContain('nor all shards');
  await writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), tensors.slice(5));
  expect(await logitsOf(folder)).toEqual(await logitsOf(goldenPath('llama')));
  expect(await logitsOf(join(folder, 'model-00001-of-00002.safetensors'))).toEqual(await logitsOf(folder));
  await writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), tensors.slice(4));
  expect(await refusalOf(() => loadModel(folder))).toContain('is also in "model-00001-of-00002.safetensors"');
});

test('a head that differs from a tied embedding is used, and a copy of it stays tied', async () => {
  const tied = tensorsOf('llama-tied');
  const table = tied.find(({ name }) => name === 'model.embed_tokens.weight') as TensorToWrite;
  const copy = await folderOf('llama-tied', [...tied, { ...table, name: 'lm_head.weight' }]);
  expect(loadModel(copy).config.tiedEmbeddings).toBe(true);
  expect(await logitsOf(copy)).toEqual(await logitsOf(goldenPath('llama-tied')));
  const twice = () => {
    const values = new Float32Array((table.bytes() as Uint8Array).slice().buffer);
    return encodeStored(
      'F32',
      values.map((x) => 2 * x),
    );
  };
  const own = await folderOf('llama-tied', [...tied, { ...table, name: 'lm_head.weight', bytes: twice }]);
  expect(loadModel(own).config.tiedEmbeddings).toBe(false);
  const doubled = (await logitsOf(goldenPath('llama-tied'))).map((x) => 2 * x);
  for (const [i, x] of (await logitsOf(own)).entries()) expect(x).toBeCloseTo(doubled[i] as number, 4);
});

test('integers without a scheme are refused', async () => {
  const name = 'model.layers.0.mlp.up_proj.weight';
  const coded = tensorsOf('llama', (tensor) => {
    if (tensor.name !== name) return tensor;
    const count = tensor.shape.reduce((a, b) => a * b, 1);
    return { ...tensor, type: 'I8', bytes: () => new Uint8Array(count).fill(3) };
  });
  expect(await refusalOf(async () => loadModel(await folderOf('llama', coded)))).toContain('holds integers (I8)');
  const scaled = [...tensorsOf('llama'), floats('model.layers.0.mlp.up_proj.weight_scale', [1], () => 1)];
  expect(await refusalOf(async () => loadModel(await folderOf('llama', scaled)))).toContain(
    'belongs to quantized weights',
  );
});

test('biases of the MLP act, and biases that the configuration denies are noted', async () => {
  const { intermediateSize, hiddenSize, layers } = loadModel(goldenPath('llama')).config;
  const parts = [
    ['gate', 'mlp.gate', intermediateSize],
    ['up', 'mlp.up', intermediateSize],
    ['down', 'mlp.output', hiddenSize],
  ] as const;
  const bias = (part: string, layer: number) => (i: number) => Math.sin(i + layer + part.length) / 4;
  const biases = Array.from({ length: layers }, (_, layer) =>
    parts.map(([part, , size]) => floats(`model.layers.${layer}.mlp.${part}_proj.bias`, [size], bias(part, layer))),
  ).flat();
  const edits = Object.fromEntries(
    Array.from({ length: layers }, (_, layer) =>
      parts.map(([part, path, size]): [string, Edit] => [
        `layers.${layer}.${path}`,
        (x) =>
          add(
            x,
            constant(
              'f32',
              [size],
              Float32Array.from({ length: size }, (_, i) => bias(part, layer)(i)),
            ),
          ),
      ]),
    ).flat(),
  );
  const folder = await folderOf('llama', [...tensorsOf('llama'), ...biases], { mlp_bias: true });
  const expected = await logitsOf(goldenPath('llama'), edits);
  for (const [i, x] of (await logitsOf(folder)).entries()) expect(x).toBeCloseTo(expected[i] as number, 4);
  const denied = await folderOf('llama', [...tensorsOf('llama'), ...biases]);
  const notes: string[] = [];
  loadModel(denied, { progress: { step() {}, note: (sentence) => notes.push(sentence) } }).close();
  expect(notes.join()).toContain(`${3 * layers} tensors of ${denied} are not used: `);
  expect(await logitsOf(denied)).toEqual(await logitsOf(goldenPath('llama')));
});

test('parts of a split GGUF are read as one file', async () => {
  const checkpoint = openCheckpoint(goldenPath('llama-gqa'));
  onTestFinished(() => checkpoint.close());
  const tensors = [...checkpoint.tensors.values()].map(({ name, shape }) => {
    return { name, shape, type: 'F32' as const, bytes: () => encodeStored('F32', checkpoint.readFloat32(name)) };
  });
  const whole = ggufFromHuggingFace({ path: 'x', config: checkpoint.config, tensors });
  const all = [...whole.tensors];
  const folder = temporaryFolder();
  const part = (i: number) => join(folder, `m-0000${i + 1}-of-00003.gguf`);
  for (const i of [0, 1, 2]) {
    const own = new Map<string, number>([
      ['split.no', i],
      ['split.count', 3],
      ['split.tensors.count', all.length],
    ]);
    const metadata = i === 0 ? new Map([...whole.metadata, ...own]) : own;
    await writeGguf(part(i), { ...whole, metadata, tensors: all.slice(i * 8, i === 2 ? all.length : (i + 1) * 8) });
  }
  await writeGguf(join(folder, 'whole.gguf'), whole);
  const expected = await logitsOf(join(folder, 'whole.gguf'));
  for (const i of [0, 2]) expect(await logitsOf(part(i))).toEqual(expected);
  renameSync(part(1), join(folder, 'away'));
  expect(await refusalOf(() => loadModel(part(0)))).toContain('does not exist');
  renameSync(part(0), join(folder, 'other.gguf'));
  expect(await refusalOf(() => loadModel(join(folder, 'other.gguf')))).toContain('its name does not say which');
});

test('a RoPE factor without a type is linear, under its older key too, and one of 0 is none', async () => {
  const checkpoint = openCheckpoint(goldenPath('llama'));
  onTestFinished(() => checkpoint.close());
  const tensors = [...checkpoint.tensors.values()].map(({ name, shape }) => {
    return { name, shape, type: 'F32' as const, bytes: () => encodeStored('F32', checkpoint.readFloat32(name)) };
  });
  const plain = ggufFromHuggingFace({ path: 'x', config: checkpoint.config, tensors });
  const linear = withConfig('llama', { rope_scaling: { rope_type: 'linear', factor: 4 } });
  for (const key of ['llama.rope.scaling.factor', 'llama.rope.scale_linear']) {
    for (const [factor, same] of [
      [4, linear],
      [0, goldenPath('llama')],
    ] as const) {
      const file = join(temporaryFolder(), 'a.gguf');
      const types = new Map([...(plain.types ?? []), [key, 'f32' as const]]);
      await writeGguf(file, { ...plain, types, metadata: new Map([...plain.metadata, [key, factor]]) });
      const expected = await logitsOf(same);
      for (const [i, x] of (await logitsOf(file)).entries()) expect(x).toBeCloseTo(expected[i] as number, 5);
    }
  }
});

test('inspect prints what there is of a checkpoint that cannot run, then why, with exit code 2', async () => {
  const folder = await folderOf(
    'llama',
    tensorsOf('llama', (tensor) => (/down_proj/.test(tensor.name) ? undefined : tensor)),
  );
  const { code, out, err } = await call(['inspect', folder, '--json']);
  expect(code).toBe(2);
  expect(err).toContain('model.layers.0.mlp.down_proj.weight: the tensor is missing');
  expect(JSON.parse(out)).toMatchObject({ layers: 2 });
});

test('inspect has one line for like layers, and with --tensors one for each', async () => {
  const { out } = await call(['inspect', goldenPath('llama')]);
  expect(out).toContain('model.layers.0-1.mlp.down_proj.weight');
  const all = await call(['inspect', goldenPath('llama'), '--tensors']);
  expect(all.out).toContain('model.layers.1.mlp.down_proj.weight');
});

const cases = shared('cases');
const { skip, reason } = needs(cases, 'the folder of cases');

describe.skipIf(skip)(`files that once went wrong${reason}`, () => {
  const at = (name: string) => join(cases ?? '', name);
  const scored = JSON.parse(cases ? readFileSync(join(cases, 'cases.json'), 'utf8') : '[]') as {
    name: string;
    ids?: number[];
    logprobs?: number[];
  }[];

  test.each(scored.filter(({ logprobs }) => logprobs))(
    '$name scores as $source',
    async ({ name, ids = [], logprobs = [] }) => {
      const file = join(temporaryFolder(), 'ids.jsonl');
      writeFileSync(file, `${JSON.stringify({ ids })}\n`);
      const { code, out } = await call(['score', at(name), '--file', file, '--json']);
      expect(code).toBe(0);
      const found: number[] = JSON.parse(out).rows[0].logprobs.filter((x: number | null) => x !== null);
      for (const [i, x] of logprobs.entries()) expect(found.at(i - logprobs.length)).toBeCloseTo(x, 3);
    },
  );

  test.each(['prefix-orig-mod', 'shards-without-index', 'bias-not-in-config'])('%s opens', (name) => {
    expect(() => loadModel(at(name)).close()).not.toThrow();
  });

  test.each([
    ['head-missing', /lm_head\.weight.*tie_word_embeddings/],
    ['prefix-classifier', /is a classifier \(score\.weight\)/],
    ['int8-without-config', /no quantization_config/],
  ])('%s is refused with a sentence', async (name, sentence) => {
    expect(await refusalOf(() => loadModel(at(name)))).toMatch(sentence);
  });
});
