import { groupBy, randomFrom } from '../base/index.ts';
import { normalCdf, normalQuantile } from './distributions.ts';
import type { Interval } from './proportions.ts';
import { differences, quantile } from './samples.ts';

/** A number computed from the items (indices from 0) of a sample, of which a resample holds some more than once. */
export type Statistic = (items: Uint32Array) => number;

export interface BootstrapOptions {
  /** Resamples drawn; 10,000 without. */
  readonly resamples?: number;
  /** 0 without. */
  readonly seed?: number;
  /** Coverage; 0.95 without. */
  readonly level?: number;
  /** The stratum of each item: each keeps its size in every resample. One stratum without. */
  readonly strata?: readonly string[];
}

export interface Estimate extends Interval {
  readonly value: number;
}

/** The values of a statistic on resamples of `count` items with replacement, sorted. (Efron 1979) */
export function bootstrap(count: number, statistic: Statistic, options: BootstrapOptions = {}): Float64Array {
  const random = randomFrom(options.seed ?? 0);
  const strata = membersOf(count, options.strata);
  const items = new Uint32Array(count);
  return Float64Array.from({ length: options.resamples ?? 10_000 }, () => {
    let at = 0;
    for (const members of strata) {
      for (let i = 0; i < members.length; i++) items[at++] = members[Math.floor(random() * members.length)] as number;
    }
    return statistic(items);
  }).sort();
}

/**
 * A statistic with its bias-corrected and accelerated bootstrap interval (Efron 1987). The bias z0 counts resamples
 * equal to the estimate as half; the acceleration is a = sum d^3 / (6 (sum d^2)^1.5), where d are the deviations of
 * the leave-one-out values from their mean, within each stratum and scaled by (n - 1) / n of its size (Davison and
 * Hinkley 1997, section 5.3.2, with jackknife values). Of a constant statistic the interval is that value.
 */
export function bca(count: number, statistic: Statistic, options: BootstrapOptions = {}): Estimate {
  const value = statistic(Uint32Array.from({ length: count }, (_, i) => i));
  const drawn = bootstrap(count, statistic, options);
  const near = 1e-12 * Math.max(Math.abs(value), Number.MIN_VALUE);
  const below = drawn.reduce((sum, x) => sum + (Math.abs(x - value) <= near ? 0.5 : x < value ? 1 : 0), 0);
  const bias = normalQuantile(below / drawn.length);
  if (!Number.isFinite(bias)) return { value, low: drawn[0] ?? value, high: drawn.at(-1) ?? value };
  const acceleration = accelerationOf(count, statistic, options.strata);
  const tail = (1 - (options.level ?? 0.95)) / 2;
  const end = (p: number): number => {
    const z = bias + normalQuantile(p);
    return quantile(drawn, normalCdf(bias + z / (1 - acceleration * z)));
  };
  return { value, low: end(tail), high: end(1 - tail) };
}

/** The mean of values with its BCa interval. */
export function bcaMean(values: readonly number[], options: BootstrapOptions = {}): Estimate {
  return bca(values.length, (items) => meanAt(values, items), options);
}

/** The mean of a[i] - b[i] with its BCa interval: pairs are resampled, so what both share cancels. */
export function pairedDifference(a: readonly number[], b: readonly number[], options: BootstrapOptions = {}): Estimate {
  return bcaMean(differences(a, b), options);
}

/** The acceleration of `bca`; 0 where no leave-one-out value differs. */
export function accelerationOf(count: number, statistic: Statistic, strata?: readonly string[]): number {
  let [cubes, squares] = [0, 0];
  const others = new Uint32Array(Math.max(count - 1, 0));
  for (const members of membersOf(count, strata)) {
    const left = Array.from(members, (without) => {
      for (let i = 0; i < count - 1; i++) others[i] = i < without ? i : i + 1;
      return statistic(others);
    });
    const centre = left.reduce((sum, value) => sum + value, 0) / left.length;
    for (const value of left) {
      const deviation = ((centre - value) * (left.length - 1)) / left.length;
      cubes += deviation ** 3;
      squares += deviation ** 2;
    }
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
}

function membersOf(count: number, strata: readonly string[] | undefined): Uint32Array[] {
  const all = Array.from({ length: count }, (_, i) => i);
  return [...groupBy(all, (i) => strata?.[i] ?? '').values()].map((members) => Uint32Array.from(members));
}

function meanAt(values: readonly number[], items: Uint32Array): number {
  let total = 0;
  for (const item of items) total += values[item] as number;
  return total / items.length;
}
