import { expect, test } from 'vitest';
import { fillNormal, fillUniform, parameterBuffer, randomFor } from './parameters.ts';

test('a buffer is one array, decaying parameters first, and values and gradients are views of it', () => {
  const buffer = parameterBuffer([
    { name: 'norm', shape: [2], decays: false },
    { name: 'matrix', shape: [2, 2], decays: true },
    { name: 'bias', shape: [1], decays: false },
  ]);
  expect(buffer.parameters.map(({ name }) => name)).toEqual(['matrix', 'norm', 'bias']);
  expect([buffer.size, buffer.values.length, buffer.gradients.length, buffer.decaying]).toEqual([7, 8, 8, 4]);
  buffer.values.set([0, 1, 2, 3, 4, 5, 6]);
  expect(buffer.value('norm')).toMatchObject({ shape: [2], data: Float32Array.of(4, 5) });
  expect(buffer.value('matrix')).toMatchObject({ shape: [2, 2], data: Float32Array.of(0, 1, 2, 3) });
  (buffer.gradient('bias').data as Float32Array)[0] = 9;
  expect([...buffer.gradients]).toEqual([0, 0, 0, 0, 0, 0, 9, 0]);
  expect(buffer.value('other')).toBeUndefined();
});

test('uniform numbers stay within their bound and fill it', () => {
  const values = new Float32Array(4000);
  fillUniform(values, 0.5, randomFor(1, 'a'));
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.5);
  expect(Math.min(...values)).toBeLessThan(-0.49);
  const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  expect(variance / (0.5 ** 2 / 3)).toBeCloseTo(1, 1);
});

test('normal numbers have the deviation', () => {
  const values = new Float32Array(4000);
  fillNormal(values, 0.02, randomFor(1, 'a'));
  const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  expect(Math.sqrt(variance) / 0.02).toBeCloseTo(1, 1);
});

test('every name and every seed has a stream of its own', () => {
  const first = ['a', 'b', 'ab', 'ba'].flatMap((name) => [0, 1, 2].map((seed) => randomFor(seed, name)()));
  expect(new Set(first).size).toBe(12);
  expect(randomFor(2, 'ab')()).toBe(randomFor(2, 'ab')());
});
