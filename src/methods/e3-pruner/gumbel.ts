import type { Random } from '../../base/index.ts';
import { randomFor } from '../../train/index.ts';

/** 1 for the k largest scores and 0 for the others; of equal ones the lower index counts as larger. */
export function topK(scores: ArrayLike<number>, k: number): Float64Array {
  const mask = new Float64Array(scores.length);
  const order = Array.from(mask, (_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  for (const index of order.slice(0, k)) mask[index] = 1;
  return mask;
}

/** A standard Gumbel number, -ln(-ln u), of a uniform one with 32 bits, which is kept away from 0 and 1. */
export function gumbel(random: Random): number {
  return -Math.log(-Math.log(random() + 2 ** -33));
}

/**
 * Gumbel noise of one sample of one step. It depends on nothing but its arguments, so that a search can go on
 * anywhere.
 */
export function gumbelNoise(count: number, seed: number, step: number, sample: number): Float64Array {
  const random = randomFor(seed, `gumbel ${step} ${sample}`);
  return Float64Array.from({ length: count }, () => gumbel(random));
}
