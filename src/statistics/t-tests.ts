import { tTwoSided } from './distributions.ts';
import { differences, mean, squares, variance } from './samples.ts';

export interface TTest {
  readonly statistic: number;
  readonly df: number;
  /** Two-sided. */
  readonly p: number;
}

/** Student's t of the differences a[i] - b[i], with their standardized mean d_z. Of equal columns t is 0 and p 1. */
export function pairedT(a: readonly number[], b: readonly number[]): TTest & { readonly dz: number } {
  const values = differences(a, b);
  const dz = ratio(mean(values), Math.sqrt(variance(values)));
  const [statistic, df] = [dz * Math.sqrt(values.length), values.length - 1];
  return { statistic, df, p: tTwoSided(statistic, df), dz };
}

/** Welch's t of two independent groups, variances unequal, with Welch and Satterthwaite's degrees of freedom. (Welch 1947) */
export function welchT(a: readonly number[], b: readonly number[]): TTest {
  const [va, vb] = [variance(a) / a.length, variance(b) / b.length];
  const statistic = ratio(mean(a) - mean(b), Math.sqrt(va + vb));
  const df = (va + vb) ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1));
  return { statistic, df, p: tTwoSided(statistic, df) };
}

/** Hedges' g: the difference of means over the pooled deviation, times 1 - 3 / (4 df - 1) against its bias. (Hedges 1981) */
export function hedgesG(a: readonly number[], b: readonly number[]): number {
  const df = a.length + b.length - 2;
  return ratio(mean(a) - mean(b), Math.sqrt((squares(a) + squares(b)) / df)) * (1 - 3 / (4 * df - 1));
}

/** a / b, and 0 where both are 0: no difference of what does not vary is no effect. */
function ratio(a: number, b: number): number {
  return a === 0 && b === 0 ? 0 : a / b;
}
