import type { Random } from '../../base/index.ts';

/** An index drawn by its probability; the last possible one when rounding leaves a rest. */
export function drawIndex(probabilities: ArrayLike<number>, random: Random): number {
  let left = random();
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i] as number;
    if (probability <= 0) continue;
    last = i;
    left -= probability;
    if (left < 0) return i;
  }
  return last;
}
