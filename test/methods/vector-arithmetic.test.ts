import { expect, onTestFinished, test, vi } from 'vitest';
import { randomFrom, silent } from '../../src/base/index.ts';
import { attentionPrompt, attentionScores } from '../../src/methods/vector-arithmetic/attention.ts';
import { topHeads } from '../../src/methods/vector-arithmetic/heads.ts';
import { applyLens, lensDefaults, vectorArithmetic } from '../../src/methods/vector-arithmetic/index.ts';
import { openPatching } from '../../src/methods/vector-arithmetic/patching.ts';
import { conceptPair, entityPrompts, randomEntities, tokenPair } from '../../src/methods/vector-arithmetic/prompts.ts';
import { headScores, type ScoreSums } from '../../src/methods/vector-arithmetic/scores.ts';
import type { Tokenizer } from '../../src/tokenizer/index.ts';
import { refusalOf } from '../hostile.ts';
import { adapterPath, goldenPath, opened } from '../model/goldens.ts';
import { needs, shared } from '../shared.ts';
import { beginning, entities, fillers, newline, plantedModel } from './planted.ts';
import { rerun } from './rerun.ts';

const parts = { beginning, newline, filler: fillers, length: 20 };
const random = randomFrom(1);
const named = [...entities, ...entities].map((entity) => entityPrompts(parts, entity, random));
const meaningless = randomEntities(parts, 24, random).map((entity) => entityPrompts(parts, entity, random));

async function planted() {
  const model = await plantedModel();
  onTestFinished(() => model.close());
  return model;
}

test('the concept score finds the head that carries the word, and no other (oracle 3)', async () => {
  const { heads, clean, corrupted } = await headScores(await planted(), 'concept', named.map(conceptPair), {
    progress: silent,
  });
  expect(clean - corrupted).toBeGreaterThan(0.5);
  const [best, second] = topHeads(heads, 2);
  expect(best).toMatchObject({ layer: 1, head: 1 });
  expect(best?.score).toBeGreaterThan(0.8);
  expect(best?.standardError).toBeLessThan(0.05);
  expect(Math.abs(second?.score ?? 1)).toBeLessThan(1e-3);
});

test('the token score finds the head that copies the next token, and no other (oracle 3)', async () => {
  const { heads } = await headScores(await planted(), 'token', meaningless.map(tokenPair), { progress: silent });
  const [best, second] = topHeads(heads, 2);
  expect(best).toMatchObject({ layer: 1, head: 0 });
  expect(best?.score).toBeGreaterThan(0.8);
  expect(Math.abs(second?.score ?? 1)).toBeLessThan(1e-3);
});

test('no head carries a word that means nothing (oracle 3)', async () => {
  const { heads } = await headScores(await planted(), 'concept', meaningless.map(conceptPair), { progress: silent });
  for (const { score } of heads) expect(Math.abs(score)).toBeLessThan(1e-3);
});

test('the token head looks at the first token of an entity, the concept head at its last', async () => {
  const model = await planted();
  for (const [end, head] of [
    ['first', 0],
    ['last', 1],
  ] as const) {
    const prompts = entities.map((entity) => attentionPrompt(parts, entity, end, random));
    const scores = await attentionScores(model, prompts, { progress: silent });
    expect(scores).toHaveLength(12);
    const found = scores.find((each) => each.layer === 1 && each.head === head);
    expect(found?.score).toBeGreaterThan(0.95);
    const other = scores.find((each) => each.layer === 1 && each.head === 1 - head);
    expect(other?.score).toBeLessThan(0.05);
  }
});

test('an interrupted scoring goes on to the same numbers', async () => {
  const model = await planted();
  const pairs = [...meaningless, ...meaningless, ...meaningless].map(tokenPair);
  const whole = await headScores(model, 'token', pairs, { progress: silent });
  const saved: ScoreSums[] = [];
  const stop = new AbortController();
  const interrupted = headScores(model, 'token', pairs, {
    progress: silent,
    signal: stop.signal,
    save: async (sums) => {
      saved.push(sums);
      if (saved.length === 2) stop.abort(new Error('stopped'));
    },
  });
  await expect(interrupted).rejects.toThrow('stopped');
  const begun = JSON.parse(JSON.stringify(saved.at(-1))) as ScoreSums;
  expect(begun.done).toBeLessThan(pairs.length);
  expect(await headScores(model, 'token', pairs, { progress: silent, begun })).toEqual(whole);
});

test('a model that does not predict what it has read is refused', async () => {
  const backwards = named
    .map(conceptPair)
    .map(({ clean, corrupted, target }) => ({ clean: corrupted, corrupted: clean, target }));
  const forget = vi.fn();
  await expect(headScores(await planted(), 'concept', backwards, { progress: silent, forget })).rejects.toThrow(
    /the model has no concept induction: .* by -0\.\d+/,
  );
  expect(forget).toHaveBeenCalledOnce(); // other names may do: what was saved would be in the way
});

test.each(['lora', 'prompt', 'prefix'])('a model with an adapter is refused: %s', async (kind) => {
  const model = opened(goldenPath('llama-gqa'), { adapters: [adapterPath(kind)] });
  const tokenizer = {} as Tokenizer; // it is refused before anything is read
  const sentence = 'heads of a model with adapters are not measured (fold them into the weights with cria merge)';
  const measured = () =>
    vectorArithmetic(model, tokenizer, { ...lensDefaults, tasks: ['x.json'] }, { progress: silent });
  expect(await refusalOf(measured)).toBe(`${model.path}: ${sentence}`);
  const asked = { expression: 'a - b', heads: 'heads.json', lens: 'concept', nearest: 1 } as const;
  const applied = () => applyLens(model, tokenizer, asked, { progress: silent });
  expect(await refusalOf(applied)).toBe(`${model.path}: ${sentence}`);
});

const file = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(file, 'SmolLM2');

test.skipIf(skip)(
  `on SmolLM2 the endings of patched heads are what full reruns give (oracle 7)${reason}`,
  async () => {
    const model = opened(file as string, { threads: 1, precision: 'f32' });
    const id = () => 1000 + Math.floor(random() * 40_000);
    const filler = { beginning: 1, newline: 198, filler: Array.from({ length: 200 }, id), length: 30 };
    const pairs = [0, 1].map(() => conceptPair(entityPrompts(filler, [id(), id(), id()], random)));
    const patching = openPatching(model, 2);
    onTestFinished(() => patching.dispose());
    const { patched } = await patching.run(pairs);
    for (const [layer, head] of [
      [2, 4],
      [12, 0],
      [17, 5],
      [28, 8],
    ] as const) {
      for (const [i, pair] of pairs.entries()) {
        const full = await rerun(model, pair, 2, [{ layer, head }]);
        const own = patched[i * 270 + layer * 9 + head] as number;
        expect(Math.abs(Math.log(own / full))).toBeLessThan(1e-3);
      }
    }
  },
  300_000,
);

test.skip('Llama-2-7B gives the published accuracies (oracle 10) [skipped: the checkpoint is not here and may not be shipped]', () => {});
