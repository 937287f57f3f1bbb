import { expect, test } from 'vitest';
import { distance, forwardOf, goldenPath, opened, rowAt } from '../../../test/model/goldens.ts';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { type LoadedModel, layerPrefix } from '../../model/index.ts';
import { allHeads } from './heads.ts';
import { headFactors, lensesOf, productOf, truncated } from './ov.ts';

const read = (model: LoadedModel, layer: number, part: string) =>
  model.checkpoint.readFloat32(`${layerPrefix(layer)}self_attn.${part}_proj.weight`);

/** W x. */
function times({ rows, columns, data }: Rows, x: Float32Array): Float32Array {
  return Float32Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += (data[i * columns + j] as number) * (x[j] as number);
    return sum;
  });
}

test.each(['llama', 'llama-gqa', 'mistral', 'qwen3'])(
  '%s: what attention writes at the first position is the lens of all heads of the layer on what it reads',
  async (name) => {
    const model = opened(goldenPath(name)); // the first position attends to itself alone
    const [input, output] = ['layers.1.attention.input', 'layers.1.attention.output'];
    const forward = await forwardOf(model, { read: [input, output] });
    const { read: seen } = await forward.run([[5, 9, 3]]);
    const heads = allHeads(model.config).filter(({ layer }) => layer === 1);
    const [lens] = await lensesOf(model, [heads], { foldNorm: false });
    const written = times(lens as Rows, rowAt(seen[input] as Value<'f32'>, 0));
    expect(distance(written, rowAt(seen[output] as Value<'f32'>, 0))).toBeLessThan(1e-5);
  },
);

test('each head reads the values of its own group', () => {
  const model = opened(goldenPath('llama-gqa'));
  const { config } = model;
  const { width, heads, keyValueHeads, headSize } = config;
  expect(keyValueHeads).toBeLessThan(heads);
  const [output, values] = [read(model, 0, 'o'), read(model, 0, 'v')];
  for (let head = 0; head < heads; head++) {
    const { out, value } = headFactors(config, output, values, [head]);
    const group = Math.floor((head * keyValueHeads) / heads);
    for (let i = 0; i < headSize; i++) {
      expect(value.data[i * width + 3]).toBe(values[(group * headSize + i) * width + 3]);
      expect(out.data[2 * headSize + i]).toBe(output[2 * heads * headSize + head * headSize + i]);
    }
  }
});

test('the order of heads does not matter, and lenses of disjoint heads add up to that of all', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const all = allHeads(model.config);
  const [whole, turned, even, odd] = (await lensesOf(
    model,
    [all, [...all].reverse(), all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)],
    { foldNorm: false },
  )) as [Rows, Rows, Rows, Rows];
  expect(distance(whole.data, turned.data)).toBeLessThan(1e-6);
  const sum = even.data.map((x, i) => x + (odd.data[i] as number));
  expect(distance(whole.data, sum)).toBeLessThan(1e-6);
});

test('a lens of full rank is the lens; one of a lower rank misses what its singular values tell', async () => {
  const model = opened(goldenPath('llama'));
  const normal = normalFrom(randomFrom(2));
  const size = 24;
  const lens = { rows: size, columns: size, data: Float32Array.from({ length: size * size }, normal) };
  const whole = await productOf(await truncated(lens, size, model), model);
  expect(distance(whole.data, lens.data)).toBeLessThan(1e-4);

  const full = await truncated(lens, size, model);
  // the columns of U have the singular values as their norms
  const sigma = Array.from({ length: size }, (_, r) =>
    Math.hypot(...Array.from({ length: size }, (_, i) => full.out.data[i * size + r] as number)),
  );
  const rank = 7;
  const low = await productOf(await truncated(lens, rank, model), model);
  const missed = Math.hypot(...low.data.map((x, i) => x - (lens.data[i] as number)));
  expect(missed).toBeCloseTo(Math.hypot(...sigma.slice(rank)), 3);
});
