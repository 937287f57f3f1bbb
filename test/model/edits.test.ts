import { describe, expect, onTestFinished, test } from 'vitest';
import { concatArrays } from '../../src/base/index.ts';
import { type Value, value } from '../../src/engine/index.ts';
import {
  type Decoder,
  type Edit,
  keptLayers,
  type LoadedModel,
  layerInput,
  loadModel,
  type ModelOptions,
  openIncrementalDecoder,
  type Plan,
  type Sequence,
} from '../../src/model/index.ts';
import { add, input, mul, round, sub } from '../../src/tensor/index.ts';
import { distance, forwardOf, goldenPath, opened } from './goldens.ts';

const text = [3, 1, 4, 1, 5, 9];
const modelOf = (plan: Plan, options: ModelOptions = {}): LoadedModel =>
  opened(goldenPath('llama-gqa'), { ...options, plan });
const number = (x: number): Value<'f32'> => value('f32', [], Float32Array.of(x));

describe.each<Plan>(['whole', 'by-layer'])('under the plan %s', (plan) => {
  test('an edit of every block reads its own input, and a new value needs no new graph', async () => {
    const gain = {
      'layers.*.attention.heads': ((x, feed) => mul(x, feed('gain', []))) as Edit,
    };
    const forward = await forwardOf(modelOf(plan), { edits: gain });
    const { layers } = modelOf(plan).config;
    for (const gains of [Array.from({ length: layers }, () => 1), Array.from({ length: layers }, (_, i) => i / 2)]) {
      const feeds = Object.fromEntries(gains.map((x, layer) => [`layers.${layer}.gain`, number(x)]));
      const { lastHidden } = await forward.run([text], { feeds });
      const edits = Object.fromEntries(
        gains.map((x, layer) => [`layers.${layer}.attention.heads`, (y: Parameters<typeof mul>[0]) => mul(y, x)]),
      );
      const expected = await (await forwardOf(modelOf(plan), { edits })).run([text]);
      for (const [i, y] of expected.lastHidden.data.entries()) expect(lastHidden.data[i]).toBeCloseTo(y, 5);
    }
  });

  test('a text that is read piece by piece with fed edits has the logits of the whole text', async () => {
    const edits: Record<string, Edit> = {
      'layers.*.attention.heads': (x, feed) => mul(x, feed('gain', [])),
      'layers.1.mlp.hidden': (x, feed) => add(x, feed('nudge', x.shape)),
      embedding: (x, feed) => mul(x, feed('volume', [])),
    };
    const model = modelOf(plan);
    const { layers, intermediateSize } = model.config;
    const feedsOf = (seed: number, gain: Value<'f32'>) => ({
      ...Object.fromEntries(Array.from({ length: layers }, (_, layer) => [`layers.${layer}.gain`, layer ? gain : one])),
      'layers.1.nudge': value(
        'f32',
        [1, text.length, intermediateSize],
        Float32Array.from({ length: text.length * intermediateSize }, (_, i) => Math.sin(seed + i)),
      ),
      volume: one,
    });
    const one = number(1);
    const half = number(0.5);
    const all = [feedsOf(1, half), feedsOf(2, half), feedsOf(3, number(2))]; // the last is not read with the others
    const forward = await forwardOf(model, { edits });
    const decoder = await openIncrementalDecoder(model, { edits, together: 3 });
    onTestFinished(() => decoder.dispose());
    const sequences = all.map(() => decoder.open());
    const found = all.map((): Float32Array[] => []);
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 6],
    ] as const) {
      const pieces = all.map((feeds, i) => {
        const nudge = feeds['layers.1.nudge'] as Value<'f32'>;
        const data = nudge.data.subarray(from * intermediateSize, to * intermediateSize);
        const own = { ...feeds, 'layers.1.nudge': value('f32', [1, to - from, intermediateSize], data) };
        return { sequence: sequences[i] as Sequence, ids: text.slice(from, to), logits: 'all' as const, feeds: own };
      });
      for (const [i, { logits }] of (await decoder.extend(pieces)).entries()) found[i]?.push(logits.slice());
    }
    for (const [i, feeds] of all.entries()) {
      const { lastHidden } = await forward.run([text], { feeds });
      const expected = await forward.logits(lastHidden.data);
      expect(distance(concatArrays(found[i] as Float32Array[]), expected)).toBeLessThan(2e-4);
    }
    const [sequence] = sequences as [Sequence];
    const short = decoder.extend([{ sequence, ids: [1, 2], feeds: { ...all[0], 'layers.1.nudge': one } }]);
    await expect(short).rejects.toThrow('layers.1.nudge has rows for');
    expect(sequence.ids).toEqual(text); // as it was
  });

  test('an input that is not fed is named', async () => {
    const forward = await forwardOf(modelOf(plan), {
      edits: { 'layers.1.mlp.hidden': (x, feed) => mul(x, feed('gain', [])) },
    });
    await expect(forward.run([text])).rejects.toThrow('layers.1.gain');
  });

  test('a wrapped decoder has a block between 0, left out, and 1, as it was', async () => {
    const wrap = (own: Decoder): Decoder => ({
      ...own,
      layer(index, hidden, positions, taps, prefix) {
        const mask = input(layerInput(index, 'mask', prefix !== undefined), 'f32', []);
        return add(hidden, mul(mask, sub(own.layer(index, hidden, positions, taps, prefix), hidden)));
      },
    });
    const masked = await forwardOf(modelOf(plan, { wrap }));
    const { layers } = modelOf(plan).config;
    const at = (of: (layer: number) => number) =>
      masked.run([text], {
        feeds: Object.fromEntries(Array.from({ length: layers }, (_, i) => [`layers.${i}.mask`, number(of(i))])),
      });
    const plain = await (await forwardOf(modelOf(plan))).run([text]);
    const open = await at(() => 1);
    for (const [i, y] of plain.lastHidden.data.entries()) expect(open.lastHidden.data[i]).toBeCloseTo(y, 4);
    const first = loadModel(keptLayers(modelOf(plan).checkpoint, [0]), { plan });
    const expected = await (await forwardOf(first)).run([text]);
    const closed = await at((layer) => (layer === 0 ? 1 : 0));
    for (const [i, y] of expected.lastHidden.data.entries()) expect(closed.lastHidden.data[i]).toBeCloseTo(y, 4);
  });

  test('gradients of targets are finite differences of their log-probabilities', async () => {
    const paths = ['embedding', 'layers.0.mlp.hidden', 'layers.1.attention.query.rotated', 'norm'];
    const nudged = Object.fromEntries(
      paths.map((path) => [
        path,
        ((x, feed) => add(x, feed(`nudge:${path}`, ['batch', 'seq', x.shape[2] as number]))) as Edit,
      ]),
    );
    const forward = await forwardOf(modelOf(plan), { edits: nudged, gradients: paths, read: paths });
    const zeros = async (touch?: { path: string; i: number; by: number }) => {
      const feeds: Record<string, Value> = {};
      for (const path of paths) {
        const prefix = /^layers\.\d+\./.exec(path)?.[0] ?? '';
        const shape = shapes[path] as readonly number[];
        const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
        if (touch?.path === path) data[touch.i] = touch.by;
        feeds[`${prefix}nudge:${path}`] = value('f32', shape, data);
      }
      return feeds;
    };
    const { read } = await (await forwardOf(modelOf(plan), { read: paths })).run([text]);
    const shapes = Object.fromEntries(paths.map((path) => [path, (read[path] as Value).shape]));
    const targets = [
      { text: 0, position: 2, id: 7, weight: 1 },
      { text: 0, position: 5, id: 11, weight: -0.5 },
    ];
    const { likelihoods, gradients } = await forward.gradients([text], targets, { feeds: await zeros() });
    expect(likelihoods.length).toBe(2);
    const objective = async (touch: { path: string; i: number; by: number }) => {
      const {
        likelihoods: [a, b],
      } = await forward.gradients([text], targets, { feeds: await zeros(touch) });
      return (a as number) - 0.5 * (b as number);
    };
    for (const path of paths) {
      expect(gradients[path]?.shape).toEqual(shapes[path]);
      for (const i of [0, 33, 70]) {
        const by = 1e-2;
        const numeric = ((await objective({ path, i, by })) - (await objective({ path, i, by: -by }))) / (2 * by);
        expect(gradients[path]?.data[i], `${path} ${i}`).toBeCloseTo(numeric, 2);
      }
    }
    await expect(forward.gradients([text], [{ text: 0, position: 6, id: 0, weight: 1 }])).rejects.toThrow(
      'is out of range of the texts or the vocabulary',
    );
  });

  test('positions can be wrapped: keys and values on a grid', async () => {
    const coarse = (x: Parameters<typeof round>[0], steps: number) => mul(round(mul(x, steps)), 1 / steps);
    const run = async (steps: number) => {
      const forward = await forwardOf(modelOf(plan), {
        positions: (own) => ({
          ...own,
          attend: (query, key, v, layer, taps) => own.attend(query, coarse(key, steps), coarse(v, steps), layer, taps),
        }),
      });
      return (await forward.run([text])).lastHidden.data;
    };
    const plain = (await (await forwardOf(modelOf(plan))).run([text])).lastHidden.data;
    const distance = (a: Float32Array) => Math.max(...a.map((x, i) => Math.abs(x - (plain[i] as number))));
    expect(distance(await run(2 ** 16))).toBeLessThan(1e-3);
    expect(distance(await run(4))).toBeGreaterThan(distance(await run(2 ** 8)));
  });
});
