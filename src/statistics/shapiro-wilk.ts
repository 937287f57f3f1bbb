import { normalCdf, normalQuantile } from './distributions.ts';
import { squares, sum } from './samples.ts';

// Coefficients of algorithm AS R94 (Royston 1995, Applied Statistics 44), lowest power first.
const last = [0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056];
const lastButOne = [0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633];
const bound = [-2.273, 0.459];
const smallMean = [0.544, -0.39978, 0.025054, -6.714e-4];
const smallDeviation = [1.3822, -0.77857, 0.062767, -0.0020322];
const largeMean = [-1.5861, -0.31082, -0.083751, 0.0038915];
const largeDeviation = [-0.4803, -0.082676, 0.0030302];

export interface ShapiroWilk {
  readonly statistic: number;
  readonly p: number;
}

/**
 * Shapiro and Wilk's test that values are normal, by Royston's approximation: its p is meant for 3 to 5,000 values.
 * Undefined of fewer than three, and of equal values, which have no shape. (Shapiro and Wilk 1965; Royston 1995)
 */
export function shapiroWilk(values: readonly number[]): ShapiroWilk | undefined {
  const n = values.length;
  const spread = n < 3 ? 0 : squares(values);
  if (spread === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const gaps = weightsOf(n).map((weight, i) => weight * ((sorted[n - 1 - i] as number) - (sorted[i] as number)));
  const statistic = Math.min(1, sum(gaps) ** 2 / spread);
  return { statistic, p: pOf(statistic, n) };
}

/** The weight of each gap between the i-th largest and the i-th smallest value. */
function weightsOf(n: number): number[] {
  if (n === 3) return [Math.SQRT1_2];
  const scores = Array.from({ length: Math.floor(n / 2) }, (_, i) => -normalQuantile((i + 0.625) / (n + 0.25)));
  const square = 2 * sum(scores.map((score) => score ** 2));
  const exact = n > 5 ? [last, lastButOne] : [last];
  const first = exact.map(
    (coefficients, i) => (scores[i] as number) / Math.sqrt(square) + polynomial(coefficients, 1 / Math.sqrt(n)),
  );
  const left = square - 2 * sum(first.map((_, i) => (scores[i] as number) ** 2));
  const scale = Math.sqrt(left / (1 - 2 * sum(first.map((weight) => weight ** 2))));
  return scores.map((score, i) => first[i] ?? score / scale);
}

function pOf(statistic: number, n: number): number {
  if (n === 3) return Math.max(0, (6 / Math.PI) * (Math.asin(Math.sqrt(statistic)) - Math.PI / 3));
  const y = Math.log(1 - statistic);
  if (n > 11) {
    const x = Math.log(n);
    return normalCdf((polynomial(largeMean, x) - y) / Math.exp(polynomial(largeDeviation, x)));
  }
  const gamma = polynomial(bound, n);
  if (y >= gamma) return 0;
  const z = (-Math.log(gamma - y) - polynomial(smallMean, n)) / Math.exp(polynomial(smallDeviation, n));
  return normalCdf(-z);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((value, coefficient) => value * x + coefficient, 0);
}
