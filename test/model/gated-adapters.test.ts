import { describe, expect, test } from 'vitest';
import { type LoraAdapter, readAdapter } from '../../src/checkpoint/index.ts';
import {
  type Forward,
  gateFeeds,
  type LoadedModel,
  type ModelOptions,
  openIncrementalDecoder,
  type Plan,
} from '../../src/model/index.ts';
import { refusalOf } from '../hostile.ts';
import { adapterPath, distance, forwardOf, goldenPath, opened, readAdapterGolden, rowAt } from './goldens.ts';

const { checkpoint: base } = readAdapterGolden('lora');
const lora = readAdapter(adapterPath('lora')) as LoraAdapter;

/** An adapter of the query projections alone, with twice the update of `lora`, so that one gates some maps and not others. */
const other: LoraAdapter = {
  ...lora,
  modules: new Map(
    [...lora.modules].flatMap(([path, module]) =>
      path.endsWith('q_proj') ? [[path, { ...module, scale: 2 * module.scale }] as const] : [],
    ),
  ),
};

const modelOf = (options: ModelOptions): LoadedModel => opened(goldenPath(base), options);
const texts = [
  [3, 1, 4, 1, 5, 9],
  [2, 7, 1],
];

async function rows(forward: Forward, gatesAt?: (text: number, position: number) => number[]): Promise<Float32Array[]> {
  const feeds = gatesAt ? gateFeeds(texts, gatesAt(0, 0).length, gatesAt) : {};
  const { lastHidden } = await forward.run(texts, { feeds });
  return texts.flatMap((ids, text) => ids.map((_, position) => rowAt(lastHidden, position, text)));
}

function expectAlike(found: readonly Float32Array[], expected: readonly Float32Array[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, row] of expected.entries())
    expect(distance(found[i] as Float32Array, row), `row ${i}`).toBeLessThan(2e-5);
}

describe.each<Plan>(['whole', 'by-layer'])('under the plan %s', (plan) => {
  test('a gate of 1 applies an adapter, a gate of 0 leaves the model, by text in one batch', async () => {
    const plain = await rows(await forwardOf(modelOf({ plan })));
    const adapted = await rows(await forwardOf(modelOf({ plan, adapters: [lora] })));
    expect(distance(plain[0] as Float32Array, adapted[0] as Float32Array)).toBeGreaterThan(1e-3);
    const gated = await forwardOf(modelOf({ plan, adapters: [lora], gated: true }));
    expectAlike(await rows(gated, () => [1]), adapted);
    expectAlike(await rows(gated, () => [0]), plain);
    const mixed = await rows(gated, (text) => [text === 1 ? 1 : 0]);
    expectAlike(mixed, [...plain.slice(0, 6), ...adapted.slice(6)]);
  });

  test('an adapter that is active from a position on leaves the ones before it as they were', async () => {
    const plain = await rows(await forwardOf(modelOf({ plan })));
    const gated = await forwardOf(modelOf({ plan, adapters: [lora], gated: true }));
    const active = await rows(gated, (_, position) => [position >= 4 ? 1 : 0]);
    expectAlike(active.slice(0, 4), plain.slice(0, 4));
    expect(distance(active[4] as Float32Array, plain[4] as Float32Array)).toBeGreaterThan(1e-3);
  });

  test('each text of a batch has the adapter that its gates ask for, or the sum of both', async () => {
    const alone = async (...adapters: LoraAdapter[]) => rows(await forwardOf(modelOf({ plan, adapters })));
    const [first, second, both] = [await alone(lora), await alone(other), await alone(lora, other)];
    const gated = await forwardOf(modelOf({ plan, adapters: [lora, other], gated: true }));
    const found = await rows(gated, (text) => (text === 0 ? [1, 0] : [0, 1]));
    expectAlike(found, [...first.slice(0, 6), ...second.slice(6)]);
    expectAlike(await rows(gated, () => [1, 1]), both);
  });

  test('sequences with gates of their own, read together with a cache, are as without one', async () => {
    const model = modelOf({ plan, adapters: [lora, other], gated: true });
    const gatesAt = (text: number, position: number) => (text === 0 ? [1, 0] : [position / 4, 1]);
    const forward = await forwardOf(model);
    const expected = await rows(forward, gatesAt);
    const decoder = await openIncrementalDecoder(model, { together: 2 });
    const ofText = (text: number, from: number, to: number) => {
      const ids = (texts[text] as number[]).slice(from, to);
      return { ids, feeds: gateFeeds([ids], 2, (_, position) => gatesAt(text, from + position)) };
    };
    const sequences = texts.map(() => decoder.open());
    let last: Float32Array[] = [];
    for (const [from, to] of [
      [0, 2],
      [2, 3],
    ] as const) {
      const pieces = sequences.map((sequence, text) => ({ sequence, ...ofText(text, from, to) }));
      last = (await decoder.extend(pieces)).map(({ logits }) => logits);
    }
    for (const [text, row] of [2, 8].entries()) {
      const logits = await forward.logits(expected[row] as Float32Array);
      expect(distance(last[text] as Float32Array, logits)).toBeLessThan(2e-4);
    }
    await decoder.dispose();
  });
});

test('packed weights are gated as float ones are', async () => {
  const at = (options: ModelOptions) => forwardOf(modelOf({ precision: 'q8', ...options }));
  const gated = await at({ adapters: [lora], gated: true });
  expectAlike(await rows(gated, () => [1]), await rows(await at({ adapters: [lora] })));
  expectAlike(await rows(gated, () => [0]), await rows(await at({})));
});

test('what has no gate is refused', async () => {
  const forward = await forwardOf(modelOf({ adapters: [lora], gated: true }));
  await expect(forward.run(texts)).rejects.toThrow('adapters.gates');
  const decomposed = readAdapterGolden('lora-dora').checkpoint;
  const options: ModelOptions = { adapters: [adapterPath('lora-dora')], gated: true };
  expect(await refusalOf(() => opened(goldenPath(decomposed), options))).toContain('cannot be gated');
});
