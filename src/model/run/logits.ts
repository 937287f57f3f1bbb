import { CriaError } from '../../base/index.ts';

/** A token that may come next. */
export interface Candidate {
  readonly id: number;
  readonly logit: number;
  /** Natural logarithm of its probability. */
  readonly logprob: number;
}

/** log(sum(exp(logits))), in float64. */
export function logSumExp(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

/** The `count` largest logits with their log-probabilities, the largest first; of equal ones the smaller id first. */
export function likeliest(logits: Float32Array, count: number, normaliser = logSumExp(logits)): Candidate[] {
  const best: number[] = [];
  const value = (id: number) => logits[id] as number;
  for (let id = 0; count > 0 && id < logits.length; id++) {
    if (best.length === count && value(id) <= value(best.at(-1) as number)) continue;
    if (best.length === count) best.pop();
    let place = best.length;
    while (place > 0 && value(best[place - 1] as number) < value(id)) place--;
    best.splice(place, 0, id);
  }
  return best.map((id) => ({ id, logit: value(id), logprob: value(id) - normaliser }));
}

/**
 * The index of the largest logit, the first of equal ones; -Infinity is allowed, but not for all.
 * @throws CriaError when a logit is NaN or Infinity.
 */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length && most < Number.POSITIVE_INFINITY; i++) {
    if ((logits[i] as number) <= most) continue;
    best = i;
    most = logits[i] as number; // perhaps NaN, which ends the loop
  }
  if (Number.isFinite(most)) return best;
  throw new CriaError('the logits of the next token contain NaN or Inf', {
    remedy: 'the weights are damaged, or an edit makes activations overflow',
    kind: 'failure',
  });
}
