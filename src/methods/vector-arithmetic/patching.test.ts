import { expect, onTestFinished, test } from 'vitest';
import { rerun } from '../../../test/methods/rerun.ts';
import { distance, goldenNames, goldenPath, opened, withWeights } from '../../../test/model/goldens.ts';
import { randomFrom } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { openPatching, type PromptPair } from './patching.ts';

const goldens = ['llama-gqa', 'mistral', 'qwen3', 'gemma3'].filter((name) => goldenNames.includes(name));

function patching(model: LoadedModel, count: number) {
  const opened = openPatching(model, count);
  onTestFinished(() => opened.dispose());
  return opened;
}

function pairsFor({ config }: LoadedModel, length: number, howMany = 2): PromptPair[] {
  const random = randomFrom(length);
  const id = () => Math.floor(random() * config.vocabulary);
  return Array.from({ length: howMany }, () => {
    const [clean, corrupted] = [0, 1].map(() => Array.from({ length }, id)) as [number[], number[]];
    const ending = [id(), id()];
    clean.splice(-2, 2, ...ending);
    corrupted.splice(-2, 2, ...ending);
    return { clean, corrupted, target: id() };
  });
}

test.each(goldens)(
  '%s: the endings of patched heads are what full reruns give, for one position and for two (oracle 7)',
  async (name) => {
    const model = opened(goldenPath(name));
    const { layers, heads } = model.config;
    for (const count of [1, 2]) {
      const pairs = pairsFor(model, 24);
      const { clean, corrupted, patched } = await patching(model, count).run(pairs);
      for (const [i, pair] of pairs.entries()) {
        expect(corrupted[i]).toBeCloseTo(await rerun(model, pair, count, []), 5);
        expect(clean[i]).toBeCloseTo(await rerun(model, { ...pair, corrupted: pair.clean }, count, []), 5);
        for (let layer = 0; layer < layers; layer++) {
          const head = (i + layer) % heads;
          const full = await rerun(model, pair, count, [{ layer, head }]);
          expect(
            Math.abs(Math.log((patched[i * layers * heads + layer * heads + head] as number) / full)),
          ).toBeLessThan(1e-4);
        }
      }
      const moved = patched.filter(
        (p, i) => Math.abs(p - (corrupted[Math.floor(i / (layers * heads))] as number)) > 1e-6,
      );
      expect(moved.length).toBeGreaterThan(layers);
    }
  },
);

test('both plans give the same probabilities', async () => {
  const [whole, byLayer] = await Promise.all(
    (['whole', 'by-layer'] as const).map((plan) => {
      const model = opened(goldenPath('llama-gqa'), { plan });
      return patching(model, 2).run(pairsFor(model, 20));
    }),
  );
  expect(distance(whole?.patched as Float64Array, byLayer?.patched as Float64Array)).toBe(0);
});

test('a text patched into itself changes nothing (oracle 6)', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const pairs = pairsFor(model, 20).map(({ clean, target }) => ({ clean, corrupted: clean, target }));
  const { corrupted, patched } = await patching(model, 2).run(pairs);
  const heads = patched.length / pairs.length;
  for (const [i, p] of patched.entries()) expect(p).toBeCloseTo(corrupted[Math.floor(i / heads)] as number, 6);
});

test('a head that writes nothing changes nothing (oracle 6)', async () => {
  const silentHead = 1;
  const model = opened(goldenPath('llama-gqa'));
  const { layers, heads, headSize, hiddenSize } = model.config;
  const muted = withWeights(model, (name, values) => {
    if (!name.endsWith('layers.1.self_attn.o_proj.weight')) return;
    for (let row = 0; row < hiddenSize; row++)
      values.fill(0, (row * heads + silentHead) * headSize, (row * heads + silentHead + 1) * headSize);
  });
  const pairs = pairsFor(muted, 20);
  const { corrupted, patched } = await patching(muted, 1).run(pairs);
  for (const [i, before] of corrupted.entries()) {
    const at = (head: number) => patched[i * layers * heads + heads + head] as number;
    expect(at(silentHead)).toBeCloseTo(before, 7);
    expect(Math.abs(at(silentHead + 1) - before)).toBeGreaterThan(1e-6);
  }
});

test('the slow repetition that patching is held against: with every head patched the next token is the clean one (oracle 5)', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const { layers, heads } = model.config;
  const all = Array.from({ length: layers * heads }, (_, i) => ({ layer: Math.floor(i / heads), head: i % heads }));
  const [pair] = pairsFor(model, 20) as [PromptPair];
  const clean = await rerun(model, { ...pair, corrupted: pair.clean }, 1, []);
  expect(await rerun(model, pair, 1, all)).toBeCloseTo(clean, 6);
});

test('pairs of unequal lengths are refused', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const pairs = [...pairsFor(model, 20), ...pairsFor(model, 21)];
  await expect(patching(model, 2).run(pairs)).rejects.toThrow('unequal lengths');
});
