import { concatArrays, type Watch } from '../base/index.ts';
import type { Forward } from '../model/index.ts';
import { batchLikelihoods, forBatches, forLogits, type Read } from './likelihoods.ts';

/** A token that may come next. */
export interface Candidate {
  readonly id: number;
  readonly logit: number;
  /** Natural logarithm of its probability. */
  readonly logprob: number;
}

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

/** The `count` largest logits with their log-probabilities, the largest first; of equal ones the smaller id first. */
export function likeliest(logits: Float32Array, count: number): Candidate[] {
  const best: number[] = [];
  const value = (id: number) => logits[id] as number;
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && value(id) <= value(best.at(-1) as number)) continue;
    if (best.length === count) best.pop();
    let place = best.length;
    while (place > 0 && value(best[place - 1] as number) < value(id)) place--;
    best.splice(place, 0, id);
  }
  const largest = value(best[0] as number);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  const logOfSum = largest + Math.log(sum);
  return best.map((id) => ({ id, logit: value(id), logprob: value(id) - logOfSum }));
}
