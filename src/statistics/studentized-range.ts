import gammaln from '@stdlib/math-base-special-gammaln';
import { normalCdf } from './distributions.ts';

/** Nodes and weights of 8-point Gauss-Legendre quadrature on [-1, 1], the positive half. (Abramowitz and Stegun, 25.4) */
const nodes: readonly (readonly [number, number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
];

/** Degrees of freedom beyond which the standard deviation counts as known: p changes by less than 10^-7 of itself. */
const knownBeyond = 1e8;

/**
 * P(Q >= q) of the studentized range: the largest minus the smallest of `groups` standard normal variables, over an
 * independent standard deviation with `df` degrees of freedom. Computed as a tail by quadrature over the logarithm of the
 * standard deviation, so that small p-values keep their digits. (Tukey 1953; Lund and Lund 1983)
 */
export function studentizedRangeTail(q: number, groups: number, df: number): number {
  if (q <= 0) return 1;
  if (!Number.isFinite(q)) return Number.isNaN(q) ? Number.NaN : 0;
  if (df > knownBeyond) return rangeTail(q, groups);
  const constant = (df / 2) * Math.log(df) - gammaln(df / 2) - (df / 2 - 1) * Math.LN2;
  const low = -Math.log(Math.max(q, 1)) - 40 / df - 1;
  const high = Math.log1p(9 / Math.sqrt(df));
  const step = Math.min(0.5, 2 / Math.sqrt(df));
  return integral(low, high, step, (u) => {
    const s = Math.exp(u);
    const density = Math.exp(constant + df * u - (df * s * s) / 2);
    return density === 0 ? 0 : density * rangeTail(q * s, groups);
  });
}

/** P(range >= w) of normal variables: k times the integral of phi(z) (Phi(z)^(k-1) - (Phi(z) - Phi(z - w))^(k-1)). */
function rangeTail(w: number, groups: number): number {
  const tail = integral(-8.5, w / 2 + 9, 1, (z) => {
    const below = normalCdf(z);
    const ratio = normalCdf(z - w) / below;
    const power = (groups - 1) * Math.log(below);
    return Math.exp(power - (z * z) / 2) * -Math.expm1((groups - 1) * Math.log1p(-ratio));
  });
  return Math.min(1, (groups * tail) / Math.sqrt(2 * Math.PI));
}

function integral(low: number, high: number, step: number, f: (x: number) => number): number {
  const panels = Math.ceil((high - low) / step);
  const half = (high - low) / panels / 2;
  let total = 0;
  for (let panel = 0; panel < panels; panel++) {
    const centre = low + (2 * panel + 1) * half;
    for (const [node, weight] of nodes) total += weight * (f(centre - node * half) + f(centre + node * half));
  }
  return total * half;
}
