import { binomialCdf } from './distributions.ts';

/**
 * The exact two-sided p-value that two paired systems are right equally often, from the pairs in which only the first
 * is right and only the second is right: min(1, 2 P(X <= min)) with X binomial(n, 1/2). (McNemar 1947)
 */
export function mcnemar(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  return Math.min(1, 2 * binomialCdf(Math.min(onlyFirst, onlySecond), n, 0.5));
}
