import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { randomFrom } from '../../base/index.ts';
import { openCheckpoint } from '../index.ts';
import { type TensorToWrite, writeSafetensors } from '../safetensors-write.ts';
import type { Checkpoint } from '../types.ts';
import { packAwq } from './awq.ts';
import { packNf4 } from './bitsandbytes.ts';
import { packCompressed } from './compressed-tensors.ts';
import { packGptq } from './gptq.ts';
import type { Nf4Codes, UniformBits, UniformCodes } from './types.ts';
import { valuesOf } from './values.ts';

const module = 'model.layers.0.mlp.up_proj';

function uniform(bits: UniformBits, symmetric: boolean, reordered = false): UniformCodes {
  const random = randomFrom(bits);
  const [out, inner, group] = [16, 64, 32];
  const cells = (out * inner) / group;
  return {
    ...{ kind: 'uniform', out, inner, bits, group },
    codes: Uint8Array.from({ length: out * inner }, () => 2 ** bits * random()),
    scales: Float32Array.from({ length: cells }, () => Math.floor(1 + 7 * random()) / 64), // halves hold them
    zeros: Uint8Array.from({ length: cells }, () => (symmetric ? 2 ** (bits - 1) : 2 ** bits * random())),
    ...(reordered && { groupOf: Int32Array.from({ length: inner }, (_, i) => i % 2) }),
  };
}

async function opened(tensors: TensorToWrite[], quantization_config: object): Promise<Checkpoint> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ quantization_config }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return openCheckpoint(folder);
}

function firstWord(tensor: TensorToWrite | undefined): string | undefined {
  const bytes = tensor?.bytes() ?? new Uint8Array(4);
  return new Uint32Array((bytes as Uint8Array).slice(0, 4).buffer)[0]?.toString(16).padStart(8, '0');
}

describe('words', () => {
  // spec 5.14
  const ramp = (out: number, inner: number, of: (row: number, column: number) => number): UniformCodes => ({
    ...{ kind: 'uniform', out, inner, bits: 4, group: inner },
    codes: Uint8Array.from({ length: out * inner }, (_, i) => of(Math.floor(i / inner), i % inner)),
    scales: new Float32Array(out).fill(1),
    zeros: new Uint8Array(out).fill(8),
  });

  test('0 to 7 along the packed axis', () => {
    expect(
      firstWord(
        packGptq(
          'm',
          ramp(8, 8, (_, column) => column),
          'gptq',
        )[0],
      ),
    ).toBe('76543210');
    expect(
      firstWord(
        packAwq(
          'm',
          ramp(8, 8, (row) => row),
        )[0],
      ),
    ).toBe('75316420');
    expect(
      firstWord(
        packCompressed(
          'm',
          ramp(8, 8, (_, column) => column),
          true,
        )[0],
      ),
    ).toBe('76543210');
  });

  test('a zero of 8 is stored as 7 in the first version of GPTQ, as 8 in the second', () => {
    const zeros = (version: 'gptq' | 'gptq_v2') =>
      firstWord(
        packGptq(
          'm',
          ramp(8, 8, () => 0),
          version,
        )[1],
      );
    expect([zeros('gptq'), zeros('gptq_v2')]).toEqual(['77777777', '88888888']);
  });
});

describe('what is packed is opened with the same values', () => {
  const compressed = (bits: number, symmetric: boolean) => ({
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights: { num_bits: bits, type: 'int', symmetric, strategy: 'group', group_size: 32 },
      },
    },
  });
  const gptq = (bits: number, sym: boolean, checkpoint_format: string) => ({
    ...{ quant_method: 'gptq', bits, group_size: 32, sym, checkpoint_format },
  });
  const cases: [string, UniformCodes, (codes: UniformCodes) => TensorToWrite[], object][] = [
    ['GPTQ', uniform(4, true), (codes) => packGptq(module, codes, 'gptq'), gptq(4, true, 'gptq')],
    ['GPTQ at 8 bits', uniform(8, true), (codes) => packGptq(module, codes, 'gptq'), gptq(8, true, 'gptq')],
    ['GPTQ 2', uniform(4, false), (codes) => packGptq(module, codes, 'gptq_v2'), gptq(4, false, 'gptq_v2')],
    ['GPTQ reordered', uniform(4, true, true), (codes) => packGptq(module, codes, 'gptq'), gptq(4, true, 'gptq')],
    ['AWQ', uniform(4, false), (codes) => packAwq(module, codes), { quant_method: 'awq', bits: 4, group_size: 32 }],
    ['W4A16', uniform(4, true), (codes) => packCompressed(module, codes, true), compressed(4, true)],
    ['W4A16 asymmetric', uniform(4, false), (codes) => packCompressed(module, codes, false), compressed(4, false)],
    ['W8A16', uniform(8, true), (codes) => packCompressed(module, codes, true), compressed(8, true)],
  ];

  test.each(cases)('%s', async (_, codes, pack, settings) => {
    const checkpoint = await opened(pack(codes), settings);
    const name = `${module}.weight`;
    expect([...checkpoint.tensors.keys()]).toEqual([name]);
    expect(checkpoint.readFloat32(name)).toEqual(valuesOf(codes));
    expect(checkpoint.readFloat32(name, { rows: [3, 5] })).toEqual(valuesOf(codes).slice(3 * 64, 5 * 64));
    const { grid, ...held } = checkpoint.quantization?.matrices.get(name) ?? {};
    expect(grid !== undefined).toBe(codes.groupOf === undefined);
    const bytes = pack(codes).reduce((sum, { bytes }) => sum + (bytes() as Uint8Array).length, 0);
    expect(held).toEqual({ bits: codes.bits, group: 32, bytes });
  });

  test.each([false, true])('NF4, nested: %s', async (isNested) => {
    const random = randomFrom(1);
    const nested = { codes: Uint8Array.of(200, 250), absmax: Float32Array.of(0.5), offset: 1 };
    const codes: Nf4Codes = {
      ...{ kind: 'nf4', out: 2, inner: 64, block: 64 },
      codes: Uint8Array.from({ length: 128 }, () => 16 * random()),
      absmax: Float32Array.of(1, 2),
      ...(isNested && { nested }),
    };
    const settings = { quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' };
    const checkpoint = await opened(packNf4(`${module}.weight`, codes, 'float16'), settings);
    const read = checkpoint.readCodes?.(`${module}.weight`) as Nf4Codes;
    expect(read.codes).toEqual(codes.codes);
    expect(checkpoint.readFloat32(`${module}.weight`)).toEqual(valuesOf({ ...codes, absmax: read.absmax }));
    if (isNested) expect(read.nested).toEqual(nested);
    else expect(read.absmax).toEqual(codes.absmax);
  });
});
