import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/index.ts';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { shippedModel } from '../shared.ts';

interface Told {
  readonly path: string;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  readonly simulated: boolean;
  readonly tensors: readonly {
    readonly name: string;
    readonly scheme: string;
    readonly relativeError: number;
    readonly fallback?: string;
  }[];
  readonly kept: readonly string[];
}

async function quantized(name: string, ...options: string[]): Promise<Told> {
  const { code, out, err } = await call([
    'quantize',
    shippedModel,
    join(temporaryFolder(), name),
    ...options,
    '--json',
    '--quiet',
  ]);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Told;
}

async function refusal(...options: string[]): Promise<string> {
  const folder = temporaryFolder();
  const { code, out, err } = await call([
    'quantize',
    shippedModel,
    join(folder, 'out'),
    ...options,
    '--json',
    '--quiet',
  ]);
  expect([code, out, readdirSync(folder)]).toEqual([2, '', []]);
  return err;
}

const relativeError = (a: Float32Array, b: Float32Array) => {
  let [difference, size] = [0, 0];
  for (const [i, value] of a.entries()) {
    difference += (value - (b[i] as number)) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
};

const embedding = 'model.embed_tokens.weight';
const firstDown = 'model.layers.0.mlp.down_proj.weight';

describe('cria quantize', () => {
  test('writes a folder of decoded weights whose errors are those that it prints', async () => {
    const told = await quantized(
      'rtn',
      '--scheme',
      'rtn',
      '--format',
      'hf',
      '--dtype',
      'f32',
      '--keep',
      '*.v_proj.weight',
    );
    expect(told).toMatchObject({
      simulated: true,
      kept: expect.arrayContaining([embedding, 'model.layers.3.self_attn.v_proj.weight']),
    });
    expect([told.kept.length, told.tensors.length]).toEqual([9, 48]);
    expect(told.bitsPerWeight).toBeCloseTo(4 + 32 / 64, 10); // 64 divides 256 and 576
    const [before, after] = [shippedModel, told.path].map(openCheckpoint) as [
      ReturnType<typeof openCheckpoint>,
      ReturnType<typeof openCheckpoint>,
    ];
    for (const { name, relativeError: printed } of told.tensors) {
      expect(relativeError(before.readFloat32(name), after.readFloat32(name))).toBeCloseTo(printed, 8);
    }
    for (const name of [...told.kept, 'model.norm.weight'])
      expect(after.readFloat32(name)).toEqual(before.readFloat32(name));
    expect(readdirSync(told.path)).toEqual(expect.arrayContaining(['cria.json', 'report.html', 'tokenizer.json']));
    expect(readFileSync(join(told.path, 'report.html'), 'utf8')).toContain('48 matrices at 4.5 bits per weight');
    expect(existsSync(`${told.path}.quantize`)).toBe(false);
  });

  test('writes GGUF that holds each matrix in its type, and tells what does not fit', async () => {
    const others = [`${embedding}=q6_k`, '*.layers.7.*=q5_0', '*.layers.7.*v_proj*=q8_0'];
    const kept = ['model.layers.1.mlp.gate_proj.weight', 'model.layers.2.mlp.gate_proj.weight', '*.3.*o_proj.weight'];
    const options = [
      '--scheme-for',
      ...others,
      '--keep',
      kept[0] as string,
      kept[1] as string,
      '--keep',
      kept[2] as string,
    ];
    const told = await quantized('m.gguf', '--scheme', 'q4_k', ...options);
    const file = openCheckpoint(told.path);
    expect(told.simulated).toBe(false);
    expect(told.tensors.find(({ name }) => name === firstDown)?.fallback).toMatch(/^Q8_0: rows of 576/);
    expect(file.tensors.get(firstDown)?.type).toBe('Q8_0');
    expect(file.tensors.get('model.layers.0.mlp.up_proj.weight')?.type).toBe('Q4_K');
    expect(file.tensors.get(embedding)?.type).toBe('Q6_K');
    expect(file.tensors.get('model.layers.7.mlp.down_proj.weight')?.type).toBe('Q5_0');
    expect(file.tensors.get('model.layers.7.self_attn.v_proj.weight')?.type).toBe('Q8_0');
    expect([...told.kept].sort()).toEqual([...kept.slice(0, 2), 'model.layers.3.self_attn.o_proj.weight']);
  });

  test.each([
    ['rtn', 'compressed-tensors', ['--bits', '8', '--group', '32'], 8, 32],
    ['nf4', 'nf4', ['--format', 'bitsandbytes'], 4, 64],
  ])('inspect prints how a container of %s holds its matrices, in its own bytes', async (scheme, type, ...more) => {
    const [options, bits, group] = more;
    const made = await quantized(scheme, '--scheme', scheme, ...options, '--keep', firstDown);
    const { out } = await call(['inspect', made.path, '--json']);
    const { tensors, bytes, quantization } = JSON.parse(out);
    const of = (name: string) => tensors.find((tensor: { readonly name: string }) => tensor.name === name);
    expect(quantization).toBe(`${type}, ${bits} bits`);
    expect(of('model.layers.0.mlp.up_proj.weight')).toMatchObject({ type, bits, group, shape: [576, 256] });
    expect(of(firstDown)).toEqual({ name: firstDown, type: 'F16', shape: [256, 576], bytes: 2 * 256 * 576 });
    expect(Math.abs(made.bytes / bytes - 1)).toBeLessThan(0.01); // a header
    const { out: page } = await call(['inspect', made.path]);
    expect(page).toMatch(new RegExp(`model.layers.0-7.mlp.up_proj.weight +${type} ${bits} bits, groups of ${group} `));
  });

  test('--dry-run tells the size within a hundredth and writes nothing', async () => {
    const { code, out } = await call([
      'quantize',
      shippedModel,
      join(temporaryFolder(), 'm.gguf'),
      '--scheme',
      'q4_0',
      '--dry-run',
      '--json',
      '--quiet',
    ]);
    const expected = JSON.parse(out) as Told;
    expect([code, existsSync(expected.path)]).toEqual([0, false]);
    const told = await quantized('m.gguf', '--scheme', 'q4_0');
    expect(expected.bitsPerWeight).toBe(told.bitsPerWeight);
    expect(Math.abs(expected.bytes / (told.bytes - 60_000) - 1)).toBeLessThan(0.02); // the header holds the vocabulary
  });

  test.each<[string, readonly string[], RegExp]>([
    [
      'a group that does not divide',
      ['--scheme', 'rtn', '--group', '128', '--format', 'hf'],
      /down_proj\.weight: its 576 inputs are not a multiple of the group size 128 \(64, 32 would, or --group row\)/,
    ],
    ['bits that a scheme lacks', ['--scheme', 'nf4', '--bits', '3'], /--bits: nf4 has no 3 bits \(it has 4\)/],
    ['a group of a scheme with blocks', ['--scheme', 'q4_0', '--group', '32'], /--group: q4_0 has blocks of its own/],
    [
      'a format that does not hold the scheme',
      ['--scheme', 'nf4', '--format', 'gguf'],
      /gguf does not hold nf4 \(it holds q8_0/,
    ],
    [
      'bits that no container holds',
      ['--scheme', 'rtn', '--bits', '2', '--format', 'compressed-tensors'],
      /compressed-tensors does not hold rtn at 2 bits \(it holds rtn, gptq and awq at 4 and 8 bits/,
    ],
    [
      'such bits for some matrices',
      ['--scheme', 'rtn', '--scheme-for', '*.7.*=rtn:3:64'],
      /layers\.7\.\S+ compressed-tensors does not hold rtn at 3 bits/,
    ],
    ['8 bits in 4', ['--scheme', 'awq', '--bits', '8', '--format', 'awq'], /awq does not hold awq at 8 bits/],
    ['3 bits in words', ['--scheme', 'gptq', '--bits', '3', '--format', 'gptq'], /gptq does not hold gptq at 3 bits/],
    [
      'groups of reordered inputs',
      ['--scheme', 'gptq', '--act-order', '--format', 'compressed-tensors'],
      /does not hold gptq at 4 bits \(it holds .* --act-order only with --static-groups/,
    ],
    ['a float type of codes', ['--scheme', 'rtn', '--dtype', 'f32'], /--dtype: is the type of decoded weights/],
    ['a text to measure on that is too short', ['--measure', 'EMPTY'], /has fewer than two tokens/],
    ['a pattern without a scheme', ['--scheme-for', 'x'], /'x' does not name a scheme for a pattern/],
    [
      'a fallback that is not allowed',
      ['--scheme', 'q4_k', '--simulate', '--no-fallback'],
      /down_proj\.weight: would be held as Q8_0: rows of 576/,
    ],
    ['nothing to quantize', ['--keep', '*'], /no matrix is left to quantize/],
    ['a folder for one file', ['--scheme', 'q4_0'], /must end in .gguf/],
  ])('refuses %s', async (_, options, sentence) => {
    const empty = join(temporaryFolder(), 'empty.txt');
    writeFileSync(empty, '');
    expect(await refusal(...options.map((each) => (each === 'EMPTY' ? empty : each)))).toMatch(sentence);
  });

  test('refuses a model that is quantized already, by its type', async () => {
    const told = await quantized('m.gguf', '--scheme', 'q4_0');
    const out = join(temporaryFolder(), 'again.gguf');
    const again = ['quantize', told.path, out, '--scheme', 'q8_0', '--json', '--quiet'];
    expect(await call(again)).toMatchObject({ code: 2, err: expect.stringMatching(/is quantized already, by q4_0/) });
    expect(await call([...again, '--requantize'])).toMatchObject({ code: 0 });
  });

  test('resumes behind the finished blocks and writes the same bytes', async () => {
    const options = ['--scheme', 'nf4', '--nested', '--quiet'];
    const [whole, resumed] = [join(temporaryFolder(), 'out'), join(temporaryFolder(), 'out')];
    expect(await call(['quantize', shippedModel, whole, ...options])).toMatchObject({ code: 0 });
    const stop = new AbortController();
    const part = `${resumed}.quantize/block-2.safetensors`;
    const watch = setInterval(() => existsSync(part) && stop.abort(), 1);
    const { code } = await call(['quantize', shippedModel, resumed, ...options], { signal: stop.signal });
    clearInterval(watch);
    expect([code, existsSync(resumed), existsSync(part)]).toEqual([130, false, true]);
    expect(await call(['quantize', shippedModel, resumed, ...options])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/holds an unfinished run/),
    });
    expect(await call(['quantize', shippedModel, resumed, ...options, '--resume'])).toMatchObject({ code: 0 });
    const bytes = (folder: string) => readFileSync(join(folder, 'model.safetensors'));
    expect(bytes(resumed).equals(bytes(whole))).toBe(true);
  });
});
