import betainc from '@stdlib/math-base-special-betainc';
import betaincinv from '@stdlib/math-base-special-betaincinv';
import erfc from '@stdlib/math-base-special-erfc';
import erfcinv from '@stdlib/math-base-special-erfcinv';
import gammainc from '@stdlib/math-base-special-gammainc';

// Tails are computed as tails, not as 1 - cdf, so that small p-values keep their digits.

/** P(Z <= z) of the standard normal distribution. */
export function normalCdf(z: number): number {
  return erfc(-z / Math.SQRT2) / 2;
}

/** P(|Z| >= |z|) of the standard normal distribution. */
export function normalTwoSided(z: number): number {
  return erfc(Math.abs(z) / Math.SQRT2);
}

/** The z with P(Z <= z) = p, for p in [0, 1]. */
export function normalQuantile(p: number): number {
  return -Math.SQRT2 * erfcinv(2 * p);
}

/** P(|T| >= |t|) of Student's t with `df` degrees of freedom (any positive number). */
export function tTwoSided(t: number, df: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? Number.NaN : 0;
  return betaTail(df, t * t, df / 2, 0.5);
}

/** P(F >= f) of Fisher's F with df1 and df2 degrees of freedom. */
export function fTail(f: number, df1: number, df2: number): number {
  if (!Number.isFinite(f)) return Number.isNaN(f) ? Number.NaN : 0;
  return betaTail(df2, df1 * f, df2 / 2, df1 / 2);
}

/** P(X >= x) of chi-square with `df` degrees of freedom. */
export function chiSquareTail(x: number, df: number): number {
  return x <= 0 ? 1 : gammainc(x / 2, df / 2, true, true);
}

/** P(X <= k) of a binomial variable of n draws, each a success with probability p. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  return k >= n ? 1 : betainc(1 - p, n - k, k + 1);
}

/** The x with P(X <= x) = p of a beta variable with parameters a and b. */
export function betaQuantile(p: number, a: number, b: number): number {
  return betaincinv(p, a, b);
}

/** I_x(a, b) at x = part / (part + rest), from whichever end of [0, 1] x has its digits. */
function betaTail(part: number, rest: number, a: number, b: number): number {
  return part < rest ? betainc(part / (part + rest), a, b) : betainc(rest / (part + rest), b, a, true, true);
}
