import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { adamw, type Optimizer } from './adamw.ts';
import { type ParameterBuffer, parameterBuffer } from './parameters.ts';

/** Of `count` values the first half decays. */
function opened(count: number): { buffer: ParameterBuffer; optimizer: Optimizer } {
  const buffer = parameterBuffer([
    { name: 'norm', shape: [count / 2], decays: false },
    { name: 'matrix', shape: [count / 2, 1], decays: true },
  ]);
  return { buffer, optimizer: adamw(buffer) };
}

/** Those of the matrix, then those of the norm, whatever lies between them. */
function put(array: Float32Array, { decaying }: ParameterBuffer, numbers: ArrayLike<number>): void {
  const half = numbers.length / 2;
  array.set(Array.from(numbers).slice(0, half));
  array.set(Array.from(numbers).slice(half), decaying);
}

/** `count` numbers that lie as the buffer's do, without what fills them up. */
function taken(array: Float32Array, { decaying }: ParameterBuffer, count: number): number[] {
  return [...array.subarray(0, count / 2), ...array.subarray(decaying, decaying + count / 2)];
}

/** One step of Loshchilov and Hutter's algorithm 2, in float64 and word for word. */
function paperStep(
  state: { x: Float64Array; m: Float64Array; v: Float64Array },
  gradient: Float64Array,
  { t, rate, decay, decaying }: { t: number; rate: number; decay: number; decaying: number },
): void {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  for (const [i, g] of gradient.entries()) {
    const x = state.x[i] as number;
    const m = beta1 * (state.m[i] as number) + (1 - beta1) * g;
    const v = beta2 * (state.v[i] as number) + (1 - beta2) * g * g;
    const [mHat, vHat] = [m / (1 - beta1 ** t), v / (1 - beta2 ** t)];
    state.x[i] = x - rate * (mHat / (Math.sqrt(vHat) + epsilon) + (i < decaying ? decay * x : 0));
    state.m[i] = m;
    state.v[i] = v;
  }
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);

describe.each([2, 4, 60, 4094])('%i values', (count) => {
  test('are changed as the paper has it: decay, clipping, and sums of pieces', () => {
    const { buffer, optimizer } = opened(count);
    const random = randomFrom(7);
    const state = {
      x: Float64Array.from({ length: count }, () => 2 * random() - 1),
      m: new Float64Array(count),
      v: new Float64Array(count),
    };
    put(buffer.values, buffer, state.x);
    for (let t = 1; t <= 4; t++) {
      const pieces = t === 3 ? 3 : 1; // between steps of one piece
      const total = new Float64Array(count);
      for (let piece = 0; piece < pieces; piece++) {
        const gradients = Float32Array.from({ length: count }, () => (random() - 0.5) * 10 ** (t - 3));
        put(buffer.gradients, buffer, gradients);
        for (const [i, g] of gradients.entries()) total[i] = (total[i] as number) + g;
        if (pieces > 1) optimizer.accumulate();
      }
      const norm = Math.sqrt(total.reduce((sum, g) => sum + g * g, 0));
      expect(optimizer.norm() / norm).toBeCloseTo(1, 5);
      const [rate, scale] = [0.01 * t, t === 2 ? 0.25 : 1];
      optimizer.update({ count: t, rate, weightDecay: 0.3, scale });
      const clipped = total.map((g) => g * scale);
      paperStep(state, clipped, { t, rate, decay: 0.3, decaying: count / 2 });
    }
    expect(farthest(taken(buffer.values, buffer, count), state.x)).toBeLessThan(2e-6);
    expect(farthest(taken(buffer.vectors.arrays.first, buffer, count), state.m)).toBeLessThan(1e-6);
    expect(farthest(taken(buffer.vectors.arrays.second, buffer, count), state.v)).toBeLessThan(1e-6);
  });
});

test('values, norms and clipping are those of PyTorch', () => {
  const path = join(import.meta.dirname, '../../test/goldens/adamw.json');
  const { adamw: golden } = JSON.parse(readFileSync(path, 'utf8'));
  const { buffer, optimizer } = opened(12);
  put(buffer.values, buffer, golden.start);
  for (const [i, gradient] of golden.gradients.entries()) {
    put(buffer.gradients, buffer, gradient);
    const norm = optimizer.norm();
    expect(norm).toBeCloseTo(golden.norms[i], 5);
    const scale = norm > golden.clip ? golden.clip / (norm + 1e-6) : 1;
    optimizer.update({ count: i + 1, rate: golden.lr, weightDecay: golden.weight_decay, scale });
    expect(farthest(taken(buffer.values, buffer, 12), golden.values[i])).toBeLessThan(5e-7);
  }
  expect(Math.max(...golden.norms)).toBeGreaterThan(golden.clip); // some were clipped
});

test('where nothing decays, or everything, the other part is empty', () => {
  for (const decays of [true, false]) {
    const buffer = parameterBuffer([{ name: 'x', shape: [2], decays }]);
    const optimizer = adamw(buffer);
    buffer.values.set([1, -2]);
    optimizer.update({ count: 1, rate: 0.5, weightDecay: 0.2, scale: 1 });
    expect([...buffer.values]).toEqual(decays ? [Math.fround(0.9), Math.fround(-1.8), 0, 0] : [1, -2, 0, 0]);
  }
});
