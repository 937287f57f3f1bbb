import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, openCheckpoint, writeSafetensors } from '../../src/checkpoint/index.ts';
import { loadModel, openForward } from '../../src/model/index.ts';
import { call } from '../command-line.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { shippedModel } from '../shared.ts';

interface Told {
  readonly path: string;
  readonly tensors: readonly { readonly name: string; readonly relativeError: number; readonly outputError: number }[];
}

/** The first two blocks of cria-tiny. */
const base = mkdtempSync(join(tmpdir(), 'cria-two-blocks-'));
beforeAll(async () => {
  const whole = openCheckpoint(shippedModel);
  const names = [...whole.tensors.values()].filter(({ name }) => !/layers\.[2-9]/.test(name));
  const tensors = names.map(({ name, shape, type }) => ({
    name,
    shape,
    type: type as 'F16',
    bytes: () => whole.readBytes(name),
  }));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(join(shippedModel, file), join(base, file));
  }
  writeFileSync(join(base, 'config.json'), JSON.stringify({ ...whole.config, num_hidden_layers: 2 }));
  await writeSafetensors(join(base, 'model.safetensors'), tensors);
  whole.close();
});
afterAll(() => rmSync(base, { recursive: true }));

function text(): string {
  const path = join(temporaryFolder(), 'text.txt');
  writeFileSync(path, readFileSync(join(shippedModel, 'README.md'), 'utf8').slice(0, 4000));
  return path;
}

const few = ['--samples', '4', '--sequence', '64', '--threads', '1'];

async function quantized(scheme: string, ...options: string[]): Promise<Told> {
  const path = join(temporaryFolder(), scheme);
  const argv = ['quantize', base, path, '--scheme', scheme, '--calibration', text(), ...few, ...options];
  const { code, out, err } = await call([...argv, '--json', '--quiet']);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Told;
}

/** The final hidden states of a few tokens. */
async function hiddenOf(path: string): Promise<Float32Array> {
  const model = loadModel(path, { precision: 'f32' });
  const forward = await openForward(model);
  const { lastHidden } = await forward.run([[1, 5, 9, 200, 33, 7, 800, 1500]]);
  await forward.dispose();
  model.close();
  return lastHidden.data;
}

const distance = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - (b[i] as number)) ** 2, 0) / a.reduce((sum, x) => sum + x * x, 0));

/** The largest difference between the weights of two checkpoints that have the same ones. */
function difference(a: Checkpoint, b: Checkpoint): number {
  expect([...a.tensors.keys()].sort()).toEqual([...b.tensors.keys()].sort());
  return Math.max(
    ...[...a.tensors.keys()].map((name) => {
      const other = b.readFloat32(name);
      return a.readFloat32(name).reduce((most, x, i) => Math.max(most, Math.abs(x - (other[i] as number))), 0);
    }),
  );
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

describe('calibrated schemes', { timeout: 120_000 }, () => {
  test('GPTQ errs less in the outputs than rounding to the nearest, and more in the weights', async () => {
    const [gptq, rtn] = [await quantized('gptq', '--bits', '3'), await quantized('rtn', '--bits', '3')];
    const errorOf = ({ tensors }: Told, of: 'outputError' | 'relativeError') => mean(tensors.map((each) => each[of]));
    expect(errorOf(gptq, 'outputError')).toBeLessThan(0.8 * errorOf(rtn, 'outputError'));
    expect(errorOf(gptq, 'relativeError')).toBeGreaterThan(0.9 * errorOf(rtn, 'relativeError'));
  });

  test.each([
    ['gptq', ['--group', '32']],
    ['gptq', ['--asymmetric', '--act-order']],
    ['awq', []],
  ])('a container of %s %j opens as what its decoded folder holds, bit for bit', async (scheme, options) => {
    const [container, decoded] = [
      await quantized(scheme, ...options),
      await quantized(scheme, ...options, '--format', 'hf', '--dtype', 'f32'),
    ];
    const [packed, plain] = [openCheckpoint(container.path), openCheckpoint(decoded.path)];
    expect(packed.quantization?.scheme).toBe(`${scheme}, 4 bits`);
    const vectors = new Set(
      [...packed.tensors.values()].filter(({ shape }) => shape.length === 1).map(({ name }) => name),
    );
    const matrices = (checkpoint: Checkpoint): Checkpoint => ({
      ...checkpoint,
      tensors: new Map([...checkpoint.tensors].filter(([name]) => !vectors.has(name))),
    });
    expect(difference(matrices(packed), matrices(plain))).toBe(0);
    expect(distance(await hiddenOf(decoded.path), await hiddenOf(container.path))).toBeLessThan(2e-3); // half-precision norms
  });

  test('AWQ folds scales away: at 8 bits the model is as it was, and its norms are not', async () => {
    // spec 5.15
    const { path, tensors } = await quantized(
      'awq',
      '--bits',
      '8',
      '--format',
      'hf',
      '--dtype',
      'f32',
      '--group',
      '32',
    );
    expect(distance(await hiddenOf(base), await hiddenOf(path))).toBeLessThan(0.02);
    const norm = 'model.layers.0.input_layernorm.weight';
    const [before, after] = [base, path].map((each) => openCheckpoint(each).readFloat32(norm));
    expect(distance(before as Float32Array, after as Float32Array)).toBeGreaterThan(0.05);
    expect(Math.max(...tensors.map(({ relativeError }) => relativeError))).toBeLessThan(0.1);
  });

  test('what is kept is not folded into', async () => {
    const kept = 'model.layers.0.self_attn.k_proj.weight';
    const { path } = await quantized('awq', '--keep', kept, '--format', 'hf');
    const [before, after] = [openCheckpoint(base), openCheckpoint(path)];
    for (const name of [kept, 'model.layers.0.input_layernorm.weight']) {
      expect(after.readFloat32(name)).toEqual(before.readFloat32(name));
    }
  });

  test.each<[string, readonly string[], RegExp]>([
    ['no text', ['--scheme', 'gptq'], /gptq needs a text to calibrate on \(pass --calibration/],
    ['a text of no window', ['--scheme', 'awq', '--calibration', 'SHORT'], /tokens, fewer than one window of 256/],
    [
      'windows beyond the context',
      ['--scheme', 'gptq', '--calibration', 'SHORT', '--sequence', '512'],
      /512 tokens do not fit the model's 256 positions/,
    ],
    [
      'the embedding',
      ['--scheme', 'gptq', '--calibration', 'SHORT', '--scheme-for', 'model.embed*=gptq'],
      /gptq holds the linear maps of blocks only/,
    ],
  ])('refuse %s', async (_, options, sentence) => {
    const short = join(temporaryFolder(), 'short.txt');
    writeFileSync(short, 'too short');
    const given = options.map((each) => (each === 'SHORT' ? short : each));
    const { code, err } = await call(['quantize', base, join(temporaryFolder(), 'out'), ...given, '--quiet']);
    expect(code).toBe(2);
    expect(err).toMatch(sentence);
  });
});

test('Q4_K under an importance matrix: written, read, and another fit', { timeout: 120_000 }, async () => {
  const importance = join(temporaryFolder(), 'imatrix.gguf');
  const outputs = async (...options: string[]) => {
    const out = join(temporaryFolder(), 'm.gguf');
    const argv = ['quantize', base, out, '--scheme', 'q4_k', ...few, ...options, '--json', '--quiet'];
    const { code, out: json, err } = await call(argv);
    expect(code, err).toBe(0);
    return { path: out, told: JSON.parse(json) as Told };
  };
  const calibrated = await outputs('--calibration', text(), '--write-imatrix', importance);
  const [weighted, plain] = [await outputs('--imatrix', importance), await outputs()];
  const first = 'model.layers.0.self_attn.q_proj.weight'; // its inputs are those of the model that was not quantized
  const bytes = (path: string) => openCheckpoint(path).readBytes(first);
  expect(bytes(weighted.path)).not.toEqual(bytes(plain.path));
  expect(distance(Float32Array.from(bytes(weighted.path)), Float32Array.from(bytes(calibrated.path)))).toBeLessThan(
    0.05,
  );
  const own = (each: Told) => each.tensors.find(({ name }) => name === first) as Told['tensors'][number];
  expect(own(weighted.told).relativeError).toBeGreaterThan(own(plain.told).relativeError);
  const other = ['quantize', base, join(temporaryFolder(), 'x.gguf'), '--scheme', 'q8_0', '--imatrix', importance];
  expect(await call([...other, '--quiet'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/only q4_k is weighted/),
  });
});

describe('a container is refused', { timeout: 120_000 }, () => {
  async function changed(path: string, change: (config: Record<string, unknown>) => void): Promise<string> {
    const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    const before = JSON.stringify(config);
    change(config.quantization_config);
    writeFileSync(join(path, 'config.json'), JSON.stringify(config));
    const refusal = await refusalOf(() => openCheckpoint(path));
    writeFileSync(join(path, 'config.json'), before);
    return refusal;
  }

  test('of an unknown version, of bits and groups that its tensors do not have', async () => {
    const { path } = await quantized('gptq');
    expect(await changed(path, (own) => Object.assign(own, { checkpoint_format: 'gptq_v3' }))).toMatch(
      /quantization_config\.checkpoint_format is "gptq_v3" \(cria reads "gptq", "gptq_v2"\)/,
    );
    expect(await changed(path, (own) => Object.assign(own, { bits: 8 }))).toMatch(/is I32|is F16|do not divide/);
    expect(await changed(path, (own) => Object.assign(own, { group_size: 100 }))).toMatch(
      /are not a multiple of the group size 100/,
    );
  });
});
