import { describe, expect, onTestFinished, test } from 'vitest';
import { generate, generateBatch, newSession, openSlots } from '../../src/generate/index.ts';
import { type IncrementalDecoder, type LoadedModel, openIncrementalDecoder, type Plan } from '../../src/model/index.ts';
import { distance, goldenNames, goldenPath, logitsAfter, opened, readGolden } from '../model/goldens.ts';
import { collected, letterTokenizer } from './stubs.ts';

const plans: readonly Plan[] = ['whole', 'by-layer'];
const tolerance = 1e-4; // absolute, on logits of up to 10

async function cachedOf(name: string, plan: Plan): Promise<{ model: LoadedModel; cached: IncrementalDecoder }> {
  const model = opened(goldenPath(name), { plan, precision: 'f32' });
  const cached = await openIncrementalDecoder(model);
  onTestFinished(() => cached.dispose());
  return { model, cached };
}

/** Ropes whose angles change when a text grows beyond its first 16 positions: keys read before keep theirs. */
const dependsOnLength = (name: string) => name === 'llama-dynamic' || name === 'llama-longrope';

describe.each(goldenNames)('%s', (name) => {
  const golden = readGolden(name);
  const texts = golden.sequences.map(({ ids }) => ids);
  const [prompt, second, third] = texts as [readonly number[], readonly number[], readonly number[]];
  const most = golden.greedy.ids.length;

  describe.each(plans)('%s', (plan) => {
    test('greedy tokens are those of transformers with a cache', async () => {
      const { model, cached } = await cachedOf(name, plan);
      expect(cached.plan).toBe(plan);
      const session = newSession(model, letterTokenizer, cached);
      const { result } = await collected(generate(session, prompt, { maxTokens: most }));
      expect(result.ids).toEqual(golden.greedy.idsWithCache);
    });

    test('a text that is read in pieces of any size is read as at once', async () => {
      const { cached } = await cachedOf(name, plan);
      for (const { ids, logits } of dependsOnLength(name) ? golden.sequences.slice(2) : golden.sequences) {
        for (const size of [1, 7, 16, ids.length]) {
          const sequence = cached.open();
          for (let from = 0; from < ids.length; from += size) {
            const piece = ids.slice(from, from + size);
            const measured = await logitsAfter(cached, sequence, piece);
            const expected = logits[from + piece.length - 1] as number[];
            expect(distance(measured, expected), `${size} at a time, from ${from}`).toBeLessThan(tolerance);
          }
          expect(sequence.ids).toEqual(ids);
        }
      }
    });

    test('a text that goes on after another one is the one of a fresh session', async () => {
      const { model, cached } = await cachedOf(name, plan);
      const used = newSession(model, letterTokenizer, cached);
      const other = [...prompt.slice(0, 12), ...third];
      const kept: number[] = [];
      for (const ids of [prompt, other, second, second.slice(0, 5), [...second, 9, 9]]) {
        const { result } = await collected(generate(used, ids, { maxTokens: 6 }));
        const fresh = newSession(model, letterTokenizer, cached);
        const { result: expected } = await collected(generate(fresh, ids, { maxTokens: 6 }));
        expect(result.ids).toEqual(expected.ids);
        expect(expected.cachedTokens).toBe(0);
        kept.push(result.cachedTokens);
      }
      // a text that goes on reads its last token again; where rotations change nothing can be kept
      expect(kept).toEqual(dependsOnLength(name) ? [0, 0, 0, 0, 0] : [0, 12, 0, 4, 5]);
    });

    test('texts of unequal lengths in a batch are what each of them is alone', async () => {
      const { model, cached } = await cachedOf(name, plan);
      for (const temperature of [0, 1.2]) {
        const options = { maxTokens: 8, temperature, seed: 5 };
        const together = await generateBatch(openSlots(model, letterTokenizer, cached, { count: 3 }), texts, options);
        for (const [i, ids] of texts.entries()) {
          const session = newSession(model, letterTokenizer, cached);
          const { result } = await collected(generate(session, ids, { ...options, seed: 5 + i }));
          expect(together[i], `text ${i}`).toEqual({
            ids: result.ids,
            text: result.text,
            finishReason: result.finishReason,
          });
        }
      }
    });
  });
});
