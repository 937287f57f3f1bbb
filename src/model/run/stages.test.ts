import { expect, test } from 'vitest';
import { goldenPath } from '../../../test/model/goldens.ts';
import type { Config } from '../architecture/config.ts';
import type { WeightSize } from '../weights/bind.ts';
import { emptySequence } from './cache.ts';
import { maskFeeds } from './cache-feeds.ts';
import { wholeDecoderPlan } from './incremental-whole.ts';
import { loadModel } from './open.ts';
import { rotations } from './rope-feeds.ts';
import { stagesOf } from './stages.ts';

const inTwo = [
  { from: 0, to: 1, hasHead: false, given: 2 ** 16 },
  { from: 1, to: 2, hasHead: true, given: 0 },
];

test.each(['f32', 'q8', 'q4'] as const)('two sessions give what one gives, bit for bit: %s', async (precision) => {
  const model = loadModel(goldenPath('llama'), { precision });
  const { config } = model;
  const results: Float32Array[][] = [];
  for (const stages of [stagesOf(model).stages, inTwo]) {
    const plan = await wholeDecoderPlan(model, 1, {}, { stages, steady: 0, peak: 0 });
    const sequence = emptySequence(config);
    const logits: Float32Array[] = [];
    for (const ids of [[1, 2, 3, 4], [5], [6]]) {
      sequence.reserve(ids.length);
      const { length } = sequence;
      const positions = rotations(config)([ids.map((_, i) => length + i)], [length + ids.length]);
      const where = { ...positions, ...maskFeeds(config, length, ids.length) };
      const result = await plan.step({ sequence, ids, wanted: [ids.length - 1], where, feeds: {} });
      logits.push(result.logits.slice());
      sequence.advance(ids.length, ids);
    }
    await plan.dispose();
    results.push(logits);
  }
  model.close();
  expect(results[1]).toEqual(results[0]);
});

/** The stages of a model of `layers` blocks of `size` bytes each, and a head. */
function staged(layers: number, size: number, head: number, packed = 1) {
  const of = (given: number): WeightSize => ({ given, held: packed * given });
  const sizeOf = (name: string) => {
    if (name === 'model.embed_tokens.weight') return of(head);
    return of(/layers\.\d+\.mlp\.down_proj/.test(name) ? size : 0);
  };
  const config = { ...loadModel(goldenPath('llama')).config, layers, tiedEmbeddings: true } as Config;
  return stagesOf({ config, bound: () => ({ sizeOf }) as never });
}

test('stages hold every block once and in order, the head behind the last', () => {
  for (const [layers, head] of [
    [1, 1e6],
    [24, 150e6],
    [100, 500e6],
    [3, 0],
  ] as const) {
    const { stages } = staged(layers, 20e6, head);
    expect(stages[0]?.from).toBe(0);
    expect(stages.at(-1)).toMatchObject({ to: layers, hasHead: true });
    for (const [i, { from, hasHead }] of stages.slice(1).entries()) {
      expect(from).toBe(stages[i]?.to);
      expect(stages[i]?.hasHead).toBe(false);
      expect(from === layers && !hasHead).toBe(false);
    }
  }
});

test('a small model is one session, and a large one takes little more at its opening than afterwards', () => {
  expect(staged(10, 1e6, 0).stages).toHaveLength(1);
  for (const packed of [1, 1.3]) {
    const { stages, steady, peak } = staged(100, 50e6, 200e6, packed);
    expect(stages.length).toBeLessThanOrEqual(15);
    expect(steady).toBeGreaterThanOrEqual(5200e6 * packed);
    expect(peak / steady).toBeLessThan(1.25);
  }
});
