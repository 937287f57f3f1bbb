import { betaQuantile, normalQuantile } from './distributions.ts';

/** The ends of a confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The standard normal quantile of 0.975. */
export const z95 = 1.959963984540054;

/**
 * Wilson's interval of a proportion of which `successes` of `n` were seen: unlike the normal one it stays within
 * [0, 1] and keeps its coverage near the ends. (Wilson 1927; Brown, Cai and DasGupta 2001)
 */
export function wilson(successes: number, n: number, level = 0.95): Interval {
  const z = level === 0.95 ? z95 : normalQuantile((1 + level) / 2);
  const p = successes / n;
  const square = z ** 2;
  const centre = (p + square / (2 * n)) / (1 + square / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + square / (4 * n ** 2))) / (1 + square / n);
  return { low: successes === 0 ? 0 : centre - half, high: successes === n ? 1 : centre + half };
}

/**
 * The exact interval of a proportion: its coverage is never below `level`. Without a trial it is [0, 1].
 * (Clopper and Pearson 1934)
 */
export function clopperPearson(successes: number, n: number, level = 0.95): Interval {
  const tail = (1 - level) / 2;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, n - successes + 1),
    high: successes === n ? 1 : betaQuantile(1 - tail, successes + 1, n - successes),
  };
}
