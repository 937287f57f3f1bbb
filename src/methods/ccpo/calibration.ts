import { CriaError } from '../../base/index.ts';

/** k = floor(alpha (n + 1)), guarded against binary fractions: 0.29 x 100 is 29. (CCPO, section 3.9) */
export function quantileIndex(n: number, alpha: number): number {
  return Math.floor(alpha * (n + 1) * (1 + 8 * Number.EPSILON));
}

/** The fewest calibration questions for which k is at least 1. */
export function rowsNeeded(alpha: number): number {
  let n = Math.max(1, Math.floor(1 / alpha) - 2);
  while (quantileIndex(n, alpha) < 1) n++;
  return n;
}

/**
 * The k-th smallest critical threshold of n held-out questions. A new, exchangeable question is then missed with
 * probability k / (n + 1) <= alpha at most. (CCPO, sections 3.9 and 3.10)
 * @throws CriaError when n is too small for alpha.
 */
export function orderStatistic(critical: readonly number[], alpha: number): { kappa: number; k: number } {
  const k = quantileIndex(critical.length, alpha);
  if (k >= 1) return { kappa: Float64Array.from(critical).sort()[k - 1] as number, k };
  const what = `alpha ${alpha} needs ${rowsNeeded(alpha)} calibration rows or more (there are ${critical.length})`;
  throw new CriaError(what, { remedy: 'log more questions or take a larger --alpha' });
}

/**
 * The threshold that certifies a frozen policy.
 * @throws CriaError when there are too few questions, or so many unsolvable ones that every set would be empty.
 */
export function calibratedThreshold(critical: readonly number[], alpha: number): { kappa: number; k: number } {
  const found = orderStatistic(critical, alpha);
  if (found.kappa < Infinity) return found;
  const unsolvable = critical.filter((each) => each === Infinity).length;
  const what = `${unsolvable} of ${critical.length} calibration questions have no right answer in any round, so that empty sets would reach the coverage`;
  throw new CriaError(what, { remedy: 'take better models or a smaller --alpha' });
}

/** A level between 0 and 1, both excluded. @throws CriaError for another. */
export function refuseLevel(alpha: number): void {
  if (alpha > 0 && alpha < 1) return;
  throw new CriaError(`must lie between 0 and 1 (got ${alpha})`, { where: '--alpha', remedy: 'pass --alpha 0.1' });
}
