import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { UniformCodes } from '../../checkpoint/index.ts';
import { type GptqOptions, openGptq } from './gptq.ts';
import { openOutputErrors } from './output-error.ts';
import { rtn } from './rtn.ts';
import type { InputStatistics, WeightMatrix } from './types.ts';

const gptq = await openGptq({ threads: 1 });
const errors = await openOutputErrors({ threads: 1 });
afterAll(() => Promise.all([gptq.dispose(), errors.dispose()]));

const usual: GptqOptions = { bits: 4, group: 3, asymmetric: true, actOrder: false, staticGroups: false, damp: 0 };
const row = (...values: number[]): WeightMatrix => ({ out: 1, inner: values.length, data: Float32Array.from(values) });
const statistics = (h: readonly number[], inner: number): InputStatistics => ({
  tokens: 1,
  secondMoment: Float32Array.from(h),
  absolute: new Float32Array(inner),
});

/** Inputs that hang together, and weights. */
function problem(seed: number, out: number, inner: number) {
  const normal = normalFrom(randomFrom(seed));
  const mix = Float64Array.from({ length: inner * inner }, () => normal() / Math.sqrt(inner));
  const h = new Float64Array(inner * inner);
  for (let t = 0; t < 2 * inner; t++) {
    const z = Float64Array.from({ length: inner }, normal);
    const x = z.map(
      (own, i) =>
        own + 2 * mix.subarray(i * inner, (i + 1) * inner).reduce((sum, m, k) => sum + m * (z[k] as number), 0),
    );
    for (let i = 0; i < inner; i++)
      for (let j = 0; j < inner; j++)
        h[i * inner + j] = (h[i * inner + j] as number) + (x[i] as number) * (x[j] as number);
  }
  const matrix: WeightMatrix = { out, inner, data: Float32Array.from({ length: out * inner }, normal) };
  return { matrix, inputs: statistics([...h], inner) };
}

describe('GPTQ', () => {
  test('moves the second weight down for what the first was rounded up', async () => {
    // spec 5.13; the third input is apart, and its weight makes the grid whole numbers
    const h = [2, 1, 0, 1, 2, 0, 0, 0, 1];
    const { values } = await gptq.quantize(row(0.6, 0.6, 15), statistics(h, 3), usual);
    expect([...values]).toEqual([1, 0, 15]);
    const error = await errors.relative(
      row(0.6, 0.6, 0),
      values.map((value, i) => (i === 2 ? 0 : value)),
      statistics(h, 3),
    );
    const size = 2 * 0.36 + 2 * 0.36 + 2 * 0.36; // w^T H w
    expect(error ** 2 * size).toBeCloseTo(0.56, 6);
    expect(
      (await errors.relative(row(0.6, 0.6, 0), Float32Array.of(1, 1, 0), statistics(h, 3))) ** 2 * size,
    ).toBeCloseTo(0.96, 6);
  });

  test('rounds to the nearest where inputs are apart', async () => {
    const { matrix } = problem(1, 5, 32);
    const h = new Float32Array(32 * 32);
    for (let i = 0; i < 32; i++) h[i * 33] = 1 + i;
    const options = { ...usual, group: 16 };
    const { codes } = await gptq.quantize(matrix, { ...statistics([], 32), secondMoment: h }, options);
    const nearest = rtn(matrix, { bits: 4, group: 16, asymmetric: true }).codes as UniformCodes;
    const scales = (codes as UniformCodes).scales;
    nearest.scales.forEach((scale, i) => void expect(scales[i]).toBeCloseTo(scale, 3)); // half precision
    const differing = (codes as UniformCodes).codes.filter((code, i) => code !== nearest.codes[i]).length;
    expect(differing).toBeLessThanOrEqual(2); // by the rounding of scales
  });

  test('has less error in the outputs than rounding to the nearest, in every way of grouping', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { matrix, inputs } = problem(seed, 32, 64);
      const plain = rtn(matrix, { bits: 4, group: 32, asymmetric: true });
      const worst = await errors.relative(matrix, plain.values, inputs);
      for (const [actOrder, staticGroups] of [
        [false, false],
        [true, false],
        [true, true],
      ] as const) {
        const made = await gptq.quantize(matrix, inputs, { ...usual, group: 32, actOrder, staticGroups, damp: 0.01 });
        expect(await errors.relative(matrix, made.values, inputs)).toBeLessThan(worst);
      }
    }
  });

  test('groups of neighbours when they are static, of the order of the inputs when they are not', async () => {
    const { matrix, inputs } = problem(2, 4, 32);
    const codesOf = async (staticGroups: boolean) => {
      const options = { ...usual, group: 8, actOrder: true, staticGroups, damp: 0.01 };
      return (await gptq.quantize(matrix, inputs, options)).codes as UniformCodes;
    };
    expect((await codesOf(true)).groupOf).toBeUndefined();
    const { groupOf } = await codesOf(false);
    const falling = Array.from({ length: 32 }, (_, i) => i).sort(
      (a, b) => (inputs.secondMoment[b * 33] as number) - (inputs.secondMoment[a * 33] as number),
    );
    expect(falling.map((i) => groupOf?.[i])).toEqual(falling.map((_, j) => Math.floor(j / 8)));
  });

  test('weights of inputs that are always 0 become 0', async () => {
    const h = [1, 0, 0, 0, 0, 0, 0, 0, 1];
    const { values } = await gptq.quantize(row(3, 7, 15), statistics(h, 3), usual);
    expect([...values]).toEqual([3, 0, 15]);
  });

  test('raises the damping where H is not positive definite, and rounds to the nearest where that does not help', async () => {
    const { matrix, inputs } = problem(3, 4, 16);
    const below = inputs.secondMoment.slice();
    const mean = Array.from({ length: 16 }, (_, i) => below[i * 17] as number).reduce((a, b) => a + b) / 16;
    for (let i = 0; i < 16; i++) below[i * 17] = (below[i * 17] as number) - 0.3 * mean;
    const options = { ...usual, group: 16, damp: 0.01 };
    const raised = await gptq.quantize(matrix, { ...inputs, secondMoment: below }, options);
    expect([raised.damp, raised.fallback]).toEqual([1, undefined]);
    const hopeless = await gptq.quantize(matrix, { ...inputs, secondMoment: below.map((each) => -each) }, options);
    expect(hopeless.fallback).toMatch(/^rtn: /);
    expect(hopeless.values.every(Number.isFinite)).toBe(true);
  });

  /** The problem of test/goldens/make_gptq.py. */
  function golden(): { matrix: WeightMatrix; inputs: InputStatistics } {
    const [out, inner, tokens] = [8, 160, 400];
    const z = (t: number, i: number) => ((t * 7919 + i * i * 131 + t * i * 17) % 101) - 50;
    const h = new Float64Array(inner * inner);
    for (let t = 0; t < tokens; t++) {
      const x = Array.from({ length: inner }, (_, i) => z(t, i) + z(t, (i + inner - 1) % inner));
      for (let i = 0; i < inner; i++) {
        for (let j = 0; j < inner; j++) {
          h[i * inner + j] = (h[i * inner + j] as number) + (x[i] as number) * (x[j] as number);
        }
      }
    }
    const data = Float32Array.from({ length: out * inner }, (_, at) => {
      const [o, i] = [Math.floor(at / inner), at % inner];
      return Math.fround(((o * 7907 + i * 613 + o * i * 29 + o * o * i * 7) % 199) - 99) / 100;
    });
    return { matrix: { out, inner, data }, inputs: statistics([...h], inner) };
  }

  const { cases } = JSON.parse(readFileSync('test/goldens/gptq.json', 'utf8')) as {
    readonly cases: readonly { readonly options: GptqOptions; readonly values: readonly number[] }[];
  };

  test.each(cases)('agrees with the authors in PyTorch: $options', async ({ options, values }) => {
    const { matrix, inputs } = golden();
    const made = await gptq.quantize(matrix, inputs, options);
    const error = (own: Float32Array) => errors.relative(matrix, own, inputs);
    expect(Math.abs((await error(made.values)) / (await error(Float32Array.from(values))) - 1)).toBeLessThan(0.01);
    const step = 2 ** -9 * Math.max(...values.map(Math.abs));
    const same = values.filter((value, i) => Math.abs(value - (made.values[i] as number)) < step).length;
    expect(same / values.length).toBeGreaterThan(0.97);
  });
});
