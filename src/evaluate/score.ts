import { concatArrays, type Watch } from '../base/index.ts';
import { type Candidate, type Forward, likeliest } from '../model/index.ts';
import { batchLikelihoods, forBatches, forLogits, type Read } from './likelihoods.ts';

/** How likely a text is to a model. */
export interface Scored {
  readonly ids: readonly number[];
  /** logprobs[i] is the natural log-probability of ids[i + 1] given ids[0..i]: the first token has none. */
  readonly logprobs: Float32Array;
  /** The likeliest tokens after the last one, the likeliest first. */
  readonly top: readonly Candidate[];
}

/**
 * Scores texts, given as token ids, each from its own start. The order is kept; texts of like lengths run together.
 * @throws CriaError when a text is empty, longer than the context, or an id is not in the vocabulary.
 */
export async function score(
  forward: Forward,
  texts: readonly (readonly number[])[],
  { top = 20, ...watch }: Watch & { readonly top?: number } = {},
): Promise<Scored[]> {
  const results: Scored[] = [];
  const predicted = texts.map((ids) => ({ ids, from: 1 }));
  await forBatches(forward, predicted, watch, async (batch) => {
    const logprobs = await batchLikelihoods(forward, batch);
    const last = concatArrays(batch.map((read) => read.last));
    await forLogits(forward, last, last.length / batch.length, (row, logits) => {
      const { index, text } = batch[row] as Read;
      results[index] = { ids: text.ids, logprobs: logprobs[row] as Float32Array, top: likeliest(logits, top) };
    });
  });
  return results;
}
