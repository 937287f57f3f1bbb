import { expect, test } from 'vitest';
import { goldenPath, opened } from '../../../test/model/goldens.ts';
import type { Rows } from '../../linalg/index.ts';
import type { AtLayer, SettingResult, View } from './geometry.ts';
import { rankViews, sweepsOf } from './sweeps.ts';

const outcome = (accuracy: number) => ({ accuracy, mrr: accuracy, n: 10 });
const at = (layer: number, accuracy: number): AtLayer => ({
  layer,
  choose: outcome(accuracy),
  judge: outcome(accuracy / 2),
  judgeExcluding: outcome(1),
  whole: outcome(1),
  wholeExcluding: outcome(1),
});
const setting = (...accuracies: readonly number[]): SettingResult => {
  const layers = accuracies.map((accuracy, layer) => at(layer, accuracy));
  return { layers, best: layers[0] as AtLayer };
};
const view =
  (size: number): View =>
  async () => ({ rows: size, columns: 1, data: new Float32Array(size) });

/** Tells the size of the view as accuracy. */
const judgeAt = async (layer: number, seen: View) => at(layer, (await seen({} as Rows)).rows);

test('both lenses of every size are judged at the layer where either is best, the last one left out', async () => {
  const settings = { concept: setting(0.1, 0.2, 0.3, 0.9), token: setting(0.1, 0.4, 0.2, 1) };
  const sizes = { ranks: [{ size: 8, concept: view(3), token: view(4) }], tops: [] };
  expect(await sweepsOf(sizes, settings, judgeAt)).toEqual({
    layer: 1,
    ranks: [{ size: 8, concept: at(1, 3), token: at(1, 4) }],
    tops: [],
  });
});

test('a model of one layer is judged there', async () => {
  const settings = { concept: setting(0.1), token: setting(0.2) };
  const sizes = { ranks: [], tops: [2, 5].map((size) => ({ size, concept: view(size), token: view(1) })) };
  const { layer, tops } = await sweepsOf(sizes, settings, judgeAt);
  expect([layer, ...tops.map(({ concept }) => concept.choose.accuracy)]).toEqual([0, 2, 5]);
});

test('ranks are looked at once each in their order, one above the width as the width', async () => {
  const model = opened(goldenPath('llama'));
  const { hiddenSize } = model.config;
  const diagonal = (scale: number): Rows => {
    const data = new Float32Array(hiddenSize * hiddenSize);
    for (let i = 0; i < hiddenSize; i++) data[i * hiddenSize + i] = scale / (1 + i);
    return { rows: hiddenSize, columns: hiddenSize, data };
  };
  const lenses = { concept: diagonal(1), token: diagonal(2) };
  const through =
    (lens: Rows): View =>
    async () =>
      lens;
  const views = await rankViews(model, lenses, [hiddenSize + 9, 3, 2, 3], through);
  expect(views.map(({ size }) => size)).toEqual([2, 3, hiddenSize]);
  for (const { size, concept, token } of views) {
    expect((await concept(lenses.concept)).rows).toBe(size);
    const row = (await token(lenses.token)).data.subarray(hiddenSize, 2 * hiddenSize);
    expect(Math.hypot(...row)).toBeCloseTo(1, 4); // the second singular value of the token lens
  }
  expect(await rankViews(model, lenses, [], through)).toEqual([]);
});
