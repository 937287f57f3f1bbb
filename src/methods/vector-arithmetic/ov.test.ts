import { expect, test } from 'vitest';
import { distance, forwardOf, goldenPath, opened, rowAt } from '../../../test/model/goldens.ts';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { type LoadedModel, layerPrefix } from '../../model/index.ts';
import { openGeometry } from './geometry.ts';
import { allHeads } from './heads.ts';
import { headFactors, lensesOf, principalRows, productOf, truncated } from './ov.ts';

const plain = { foldNorm: false };
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
  '%s: what attention writes at the first position is the lens of all heads of the layer on what it reads (oracle 1)',
  async (name) => {
    const model = opened(goldenPath(name)); // the first position attends to itself alone
    const [input, output] = ['layers.1.attention.input', 'layers.1.attention.output'];
    const forward = await forwardOf(model, { read: [input, output] });
    const { read: seen } = await forward.run([[5, 9, 3]]);
    const heads = allHeads(model.config).filter(({ layer }) => layer === 1);
    const [lens] = await lensesOf(model, [heads], plain);
    const written = times(lens as Rows, rowAt(seen[input] as Value<'f32'>, 0));
    expect(distance(written, rowAt(seen[output] as Value<'f32'>, 0))).toBeLessThan(1e-5);
  },
);

test.each(['llama', 'llama-gqa'])(
  '%s: the lens of all heads of a layer is W_O R W_V, where R repeats the values of each group (oracle 1)',
  async (name) => {
    const model = opened(goldenPath(name));
    const { hiddenSize, heads, keyValueHeads, headSize } = model.config;
    const [output, values] = [read(model, 0, 'o'), read(model, 0, 'v')];
    const [lens] = await lensesOf(model, [allHeads(model.config).filter(({ layer }) => layer === 0)], plain);
    const repeated = (row: number) => {
      const [head, i] = [Math.floor(row / headSize), row % headSize];
      return Math.floor(head / (heads / keyValueHeads)) * headSize + i;
    };
    const expected = Float64Array.from({ length: hiddenSize * hiddenSize }, (_, at) => {
      const [row, column] = [Math.floor(at / hiddenSize), at % hiddenSize];
      let sum = 0;
      for (let k = 0; k < heads * headSize; k++)
        sum += (output[row * heads * headSize + k] as number) * (values[repeated(k) * hiddenSize + column] as number);
      return sum;
    });
    expect(distance((lens as Rows).data, expected)).toBeLessThan(1e-5);
  },
);

test.each(['llama', 'llama-gqa', 'mistral'])(
  '%s: with the norm folded in, the lens gives what attention writes from the state before the norm',
  async (name) => {
    const model = opened(goldenPath(name));
    const [input, output] = ['layers.0.residual.post', 'layers.1.attention.output'];
    const forward = await forwardOf(model, { read: [input, output] });
    const { read: seen } = await forward.run([[5, 9, 3]]);
    const heads = allHeads(model.config).filter(({ layer }) => layer === 1);
    const [lens] = await lensesOf(model, [heads], { foldNorm: true });
    const geometry = await openGeometry(model, true);
    const state = rowAt(seen[input] as Value<'f32'>, 0);
    const written = await geometry.through(lens as Rows)({ rows: 1, columns: state.length, data: state });
    await geometry.dispose();
    expect(distance(written.data, rowAt(seen[output] as Value<'f32'>, 0))).toBeLessThan(1e-5);
  },
);

test('each head reads the values of its own group', () => {
  const model = opened(goldenPath('llama-gqa'));
  const { config } = model;
  const { hiddenSize, heads, keyValueHeads, headSize } = config;
  expect(keyValueHeads).toBeLessThan(heads);
  const [output, values] = [read(model, 0, 'o'), read(model, 0, 'v')];
  for (let head = 0; head < heads; head++) {
    const { out, value } = headFactors(config, output, values, [head]);
    const group = Math.floor((head * keyValueHeads) / heads);
    for (let i = 0; i < headSize; i++) {
      expect(value.data[i * hiddenSize + 3]).toBe(values[(group * headSize + i) * hiddenSize + 3]);
      expect(out.data[2 * headSize + i]).toBe(output[2 * heads * headSize + head * headSize + i]);
    }
  }
});

test('the order of heads does not matter, and lenses of disjoint heads add up to that of all (oracle 2)', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const all = allHeads(model.config);
  const [whole, turned, even, odd] = (await lensesOf(
    model,
    [all, [...all].reverse(), all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)],
    plain,
  )) as [Rows, Rows, Rows, Rows];
  expect(distance(whole.data, turned.data)).toBeLessThan(1e-6);
  const sum = even.data.map((x, i) => x + (odd.data[i] as number));
  expect(distance(whole.data, sum)).toBeLessThan(1e-6);
});

test('a lens of full rank is the lens; one of a lower rank misses what its singular values tell (oracle 2)', async () => {
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

test('the first principal rows give the inner products of the lens of that rank', async () => {
  const model = opened(goldenPath('llama'));
  const normal = normalFrom(randomFrom(4));
  const random = (rows: number, columns: number): Rows => ({
    rows,
    columns,
    data: Float32Array.from({ length: rows * columns }, normal),
  });
  const [{ data }, vectors] = [random(12, 12), random(5, 12)];
  const lens = { rows: 12, columns: 12, data: data.map((x, i) => x * 2 ** -(i % 12)) }; // singular values far apart
  const inner = ({ rows, columns, data }: Rows) => {
    const row = (i: number) => data.subarray(i * columns, (i + 1) * columns);
    return Array.from({ length: rows * rows }, (_, at) =>
      row(at % rows).reduce((sum, x, k) => sum + x * (row(Math.floor(at / rows))[k] as number), 0),
    );
  };
  const through = (matrix: Rows) =>
    inner({
      rows: vectors.rows,
      columns: matrix.rows,
      data: Float32Array.from(
        Array.from({ length: vectors.rows }, (_, i) => [
          ...times(matrix, vectors.data.subarray(i * 12, (i + 1) * 12)),
        ]).flat(),
      ),
    });
  const rows = await principalRows(lens, 8, model);
  for (const rank of [1, 3, 8]) {
    const low = await productOf(await truncated(lens, rank, model), model);
    const first = { rows: rank, columns: 12, data: rows.data.subarray(0, rank * 12) };
    expect(distance(through(first), through(low))).toBeLessThan(1e-3);
  }
});
