import type { TokenLogprob } from './types.ts';

/** log(sum(exp(logits))), in float64. */
export function logSumExp(logits: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > most) most = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum);
}

/** The `count` likeliest tokens in order, of equally likely ones the first. */
export function likeliest(logits: Float32Array, count: number): TokenLogprob[] {
  if (count === 0) return [];
  const total = logSumExp(logits);
  const best: TokenLogprob[] = [];
  for (const [id, logit] of logits.entries()) {
    const logprob = logit - total;
    if (best.length === count && logprob <= (best[count - 1] as TokenLogprob).logprob) continue;
    const place = best.findIndex((other) => other.logprob < logprob);
    best.splice(place < 0 ? best.length : place, 0, { id, logprob });
    best.length = Math.min(best.length, count);
  }
  return best;
}
