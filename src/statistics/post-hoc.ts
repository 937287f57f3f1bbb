import { mean, squares, sum, variance } from './samples.ts';
import { studentizedRangeTail } from './studentized-range.ts';

/** A comparison of groups `first` and `second` (indices). */
export interface PairTest {
  readonly first: number;
  readonly second: number;
  readonly statistic: number;
  readonly p: number;
}

type Groups = readonly (readonly number[])[];

/** Every pair (i, j) with i < j of `count` things, in order. */
export function pairsOf(count: number): [first: number, second: number][] {
  return Array.from({ length: count }, (_, i) => i).flatMap((i) =>
    Array.from({ length: count - i - 1 }, (_, j): [number, number] => [i, i + 1 + j]),
  );
}

/** Tukey's honest significant differences, sizes may differ (Kramer 1956): q, and p over all pairs together. */
export function tukey(groups: Groups): PairTest[] {
  const df = groups.flat().length - groups.length;
  const meanSquare = sum(groups.map(squares)) / df;
  return rangeTests(groups, (a, b) => [(meanSquare / 2) * (1 / a.length + 1 / b.length), df]);
}

/** Games and Howell's comparisons of groups of unequal variances: q, and p over all pairs together. (1976) */
export function gamesHowell(groups: Groups): PairTest[] {
  return rangeTests(groups, (a, b) => {
    const [va, vb] = [variance(a) / a.length, variance(b) / b.length];
    return [(va + vb) / 2, (va + vb) ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1))];
  });
}

/** `scaleOf` gives the squared standard error of a pair's q and its degrees of freedom. */
function rangeTests(
  groups: Groups,
  scaleOf: (a: readonly number[], b: readonly number[]) => [square: number, df: number],
): PairTest[] {
  return pairsOf(groups.length).map(([first, second]) => {
    const [a, b] = [groups[first] as number[], groups[second] as number[]];
    const [square, df] = scaleOf(a, b);
    const difference = Math.abs(mean(a) - mean(b));
    const statistic = difference === 0 ? 0 : difference / Math.sqrt(square);
    return { first, second, statistic, p: studentizedRangeTail(statistic, groups.length, df) };
  });
}
