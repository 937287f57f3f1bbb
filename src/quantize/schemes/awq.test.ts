import { afterAll, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import { awqScales, roundAwq, scaledAndBack, searchAwqScales } from './awq.ts';
import { openOutputErrors } from './output-error.ts';
import type { InputStatistics, WeightMatrix } from './types.ts';

const errors = await openOutputErrors({ threads: 1 });
afterAll(() => errors.dispose());

const options = { bits: 3, group: 32 } as const;
const [out, inner] = [48, 64];

/** Weights, and inputs apart from each other of which every 16th is 30 times as large as the rest. */
function problem(seed: number): { matrix: WeightMatrix; inputs: InputStatistics } {
  const normal = normalFrom(randomFrom(seed));
  const sizes = Float32Array.from({ length: inner }, (_, i) => (i % 16 === 0 ? 30 : 1));
  const secondMoment = new Float32Array(inner * inner);
  for (const [i, size] of sizes.entries()) secondMoment[i * (inner + 1)] = size * size;
  const absolute = sizes.map((size) => size * Math.sqrt(2 / Math.PI));
  const matrix = { out, inner, data: Float32Array.from({ length: out * inner }, normal) };
  return { matrix, inputs: { tokens: 1, secondMoment, absolute } };
}

test('the exponent 0 is plain rounding, bit for bit', () => {
  // spec 5.15
  const { matrix, inputs } = problem(1);
  const scales = awqScales(inputs, 0);
  expect([...new Set(scales)]).toEqual([1]);
  expect(scaledAndBack(matrix, scales, options)).toEqual(roundAwq(matrix, options).values);
});

test('scales multiply to 1 at their ends and grow with the inputs', () => {
  const scales = awqScales(problem(1).inputs, 0.5);
  expect(Math.min(...scales) * Math.max(...scales)).toBeCloseTo(1, 5);
  expect((scales[0] as number) / (scales[1] as number)).toBeCloseTo(Math.sqrt(30), 4);
});

test('the scales that are found err less than plain rounding where some inputs are large, and never more', async () => {
  // spec 5.15
  for (let seed = 1; seed <= 5; seed++) {
    const { matrix, inputs } = problem(seed);
    const loss = (scales: Float32Array) => errors.relative(matrix, scaledAndBack(matrix, scales, options), inputs);
    const found = await searchAwqScales(inputs, loss);
    expect(found.exponent).toBeGreaterThan(0);
    expect(found.loss).toBeLessThan(0.8 * (await loss(awqScales(inputs, 0))));
    expect(await loss(found.scales)).toBe(found.loss);
  }
  const { inputs } = problem(6);
  const rising = await searchAwqScales(inputs, async (scales) => Math.max(...scales));
  expect([rising.exponent, rising.loss]).toEqual([0, 1]);
});
