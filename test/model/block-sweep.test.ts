import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Value, value } from '../../src/engine/index.ts';
import {
  blockInputs,
  columnAbsMax,
  columnAbsSums,
  columnExceedances,
  columnSquares,
  columnSums,
  emptyTotal,
  openBlockRunner,
  openBlockSweep,
  openForward,
  secondMoment,
  textFeeds,
} from '../../src/model/index.ts';
import { goldenNames, goldenPath, opened } from './goldens.ts';

const texts = [
  [1, 2, 3, 4, 5, 6],
  [7, 8, 9],
  [4, 4, 2, 1, 9],
];

/** The rows of an activation of `size` columns without padding, text by text. */
function rowsOf(activations: readonly Value<'f32'>[]): number[][] {
  return activations.flatMap(({ data, shape }, text) => {
    const size = shape.at(-1) as number;
    const length = (texts[text] as number[]).length;
    return Array.from({ length }, (_, i) => [...data.subarray(i * size, (i + 1) * size)]);
  });
}

async function readAlone(name: string, path: string): Promise<number[][]> {
  const forward = await openForward(opened(goldenPath(name)), { read: [path] });
  onTestFinished(() => forward.dispose());
  const read: Value<'f32'>[] = [];
  for (const ids of texts) read.push((await forward.run([ids])).read[path] as Value<'f32'>);
  return rowsOf(read);
}

function closeTo(found: ArrayLike<number>, expected: readonly number[], digits = 3): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(found[i]).toBeCloseTo(expected[i] as number, digits);
}

describe.each(['memory', 'a file'])('with hidden states in %s', (where) => {
  test.each(goldenNames)('totals over the inputs of linear maps of %s are those of the activations', async (name) => {
    const model = opened(goldenPath(name));
    const file = where === 'memory' ? undefined : join(tmpdir(), `cria-sweep-${process.pid}-${name}`);
    const sweep = openBlockSweep(model, texts, { batch: 2, ...(file ? { file } : {}) });
    for (let layer = 0; layer < model.config.layers; layer++) {
      expect(sweep.layer).toBe(layer);
      const totals = blockInputs(model.config).map(({ path, size }) => emptyTotal(path, secondMoment(), size));
      await sweep.advance({ totals });
      for (const { path, value: total } of totals) {
        const rows = await readAlone(name, `layers.${layer}.${path}`);
        const size = total.shape[0] as number;
        const expected = Array.from({ length: size * size }, (_, k) =>
          rows.reduce((sum, row) => sum + (row[Math.floor(k / size)] as number) * (row[k % size] as number), 0),
        );
        closeTo(total.data as Float32Array, expected);
      }
    }
    expect(sweep.positions).toBe(14);
    await sweep.dispose();
    if (file) expect(existsSync(file)).toBe(false);
  });
});

test('each reduction is what it says, over several passes and without padding', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const sweep = openBlockSweep(model, texts, { batch: 3 });
  onTestFinished(() => sweep.dispose());
  const path = 'mlp.hidden';
  const size = model.config.intermediateSize;
  const exponents = [-8, -4, 0];
  const reductions = [
    columnSums,
    columnAbsSums,
    columnSquares,
    columnAbsMax,
    columnExceedances(exponents),
    secondMoment([3, 5]),
  ];
  const totals = reductions.map((reduction) => emptyTotal(path, reduction, size));
  await sweep.run({ totals });
  await sweep.run({ totals });
  const rows = await readAlone('llama-gqa', `layers.0.${path}`);
  const column = (of: (x: number) => number, j: number) => rows.reduce((sum, row) => sum + of(row[j] as number), 0);
  const columns = Array.from({ length: size }, (_, j) => j);
  const expected = [
    columns.map((j) => 2 * column((x) => x, j)),
    columns.map((j) => 2 * column(Math.abs, j)),
    columns.map((j) => 2 * column((x) => x * x, j)),
    columns.map((j) => Math.max(...rows.map((row) => Math.abs(row[j] as number)))),
    exponents.flatMap((e) => columns.map((j) => 2 * column((x) => (Math.abs(x) > 2 ** e ? 1 : 0), j))),
    [3, 4].flatMap((i) =>
      columns.map((j) => 2 * rows.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0)),
    ),
  ];
  for (const [i, each] of expected.entries()) closeTo(totals[i]?.value.data as Float32Array, each, 4);
});

test('a pass with other weights changes what comes next, and only what comes next', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const sweep = openBlockSweep(model, texts);
  onTestFinished(() => sweep.dispose());
  const before = sweep.hidden(0).data.slice();
  const part = 'mlp.down_proj.weight';
  const { shape } = model.checkpoint.tensors.get(`model.layers.0.${part}`) as { shape: readonly number[] };
  const none = value('f32', shape, new Float32Array((shape[0] as number) * (shape[1] as number)));
  let middle = new Float32Array();
  await sweep.run({
    weights: { [part]: none },
    paths: ['residual.mid', 'residual.post'],
    show: (_, { 'residual.mid': mid, 'residual.post': output }) => {
      middle = (mid as Value<'f32'>).data.slice();
      expect(output?.data).toEqual(middle);
    },
  });
  expect(sweep.hidden(0).data).toEqual(before);
  await sweep.advance({ weights: { [part]: none } });
  expect(sweep.hidden(0).data).toEqual(middle);
});

test('sweeps share compiled blocks, and each has its own texts', async () => {
  const model = opened(goldenPath('llama'));
  const runner = openBlockRunner(model, true);
  const [first, second] = [texts.slice(0, 1), texts.slice(1)].map((some) => openBlockSweep(model, some, { runner }));
  const both = openBlockSweep(model, texts, { batch: 1, runner });
  for (const sweep of [first, second, both]) while ((sweep?.layer ?? 9) < model.config.layers) await sweep?.advance();
  expect(first?.hidden(0).data).toEqual(both.hidden(0).data);
  for (const sweep of [first, second, both]) await sweep?.dispose();
  await runner.dispose();
});

test('the vector-Jacobian product of a block is its finite difference', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const runner = openBlockRunner(model, false);
  onTestFinished(() => runner.dispose());
  const sweep = openBlockSweep(model, [[1, 2, 3, 4]], { runner });
  const hidden = value('f32', sweep.hidden(0).shape, sweep.hidden(0).data.slice());
  const incoming = value(
    'f32',
    hidden.shape,
    Float32Array.from(hidden.data, (_, i) => Math.sin(i)),
  );
  const positions = textFeeds(model.config)([[1, 2, 3, 4]]).feeds;
  const product = async (at: Float32Array) => {
    const { output } = await runner.run(0, { hidden: value('f32', hidden.shape, at), positions });
    return output.data.reduce((sum, y, i) => sum + y * (incoming.data[i] as number), 0);
  };
  const name = 'layer.mlp.up_proj.weight';
  const back = await runner.backward(0, {
    hidden,
    incoming,
    positions,
    inputs: (each) => each === name,
    paths: ['mlp.hidden'],
  });
  expect(back.gradients[name]?.shape).toEqual(model.checkpoint.tensors.get('model.layers.0.mlp.up_proj.weight')?.shape);
  expect(back.gradients['mlp.hidden']?.shape).toEqual([1, 4, model.config.intermediateSize]);
  for (const i of [0, 7, 63, 130]) {
    const [above, below] = [hidden.data.slice(), hidden.data.slice()];
    above[i] = (above[i] as number) + 1e-2;
    below[i] = (below[i] as number) - 1e-2;
    const numeric = ((await product(above)) - (await product(below))) / 2e-2;
    expect(back.hidden.data[i]).toBeCloseTo(numeric, 2);
  }
});
