import { normalTwoSided } from './distributions.ts';
import { ranks } from './samples.ts';

/** The product of group sizes up to which p is exact, where there are no ties. */
const exactUpTo = 400;

export interface MannWhitney {
  readonly method: 'exact' | 'normal';
  /** U of the first group: pairs in which its value is the larger one, ties counted half. */
  readonly statistic: number;
  /** Two-sided. */
  readonly p: number;
  /** P(a > b) - P(a < b), in [-1, 1]. (Cliff 1993) */
  readonly cliffDelta: number;
}

/**
 * Tests that neither of two independent groups tends to larger values: exact without ties where the sizes' product is
 * at most 400, else the normal approximation with tie and continuity corrections. (Mann and Whitney 1947)
 */
export function mannWhitney(a: readonly number[], b: readonly number[]): MannWhitney {
  const pairs = a.length * b.length;
  const { ranks: rank, ties } = ranks([...a, ...b]);
  const rankSum = a.reduce((sum, _, i) => sum + (rank[i] as number), 0);
  const statistic = rankSum - (a.length * (a.length + 1)) / 2;
  const common = { statistic, cliffDelta: (2 * statistic) / pairs - 1 };
  const least = Math.min(statistic, pairs - statistic);
  if (ties === 0 && pairs <= exactUpTo) {
    return { method: 'exact', ...common, p: Math.min(1, 2 * rankSumCdf(least, a.length, b.length)) };
  }
  const n = a.length + b.length;
  const deviation = Math.sqrt((pairs / 12) * (n + 1 - ties / (n * (n - 1))));
  if (deviation === 0) return { method: 'normal', ...common, p: 1 };
  return { method: 'normal', ...common, p: normalTwoSided(Math.max(0, pairs / 2 - least - 0.5) / deviation) };
}

/** P(U <= u): the orders of the two groups by their U, each as likely. `counts[i][u]` after j of the first are placed. */
function rankSumCdf(u: number, first: number, second: number): number {
  // ways[i][s]: choices of i of the values placed so far for the first group, whose ranks less 1..i sum to s
  const ways = Array.from({ length: first + 1 }, (_, i) => {
    const row = new Float64Array(first * second + 1);
    if (i === 0) row[0] = 1;
    return row;
  });
  for (let rank = 1; rank <= first + second; rank++) {
    for (let i = Math.min(rank, first); i >= 1; i--) {
      const [row, fewer] = [ways[i] as Float64Array, ways[i - 1] as Float64Array];
      for (let s = row.length - 1; s >= rank - i; s--) row[s] = (row[s] as number) + (fewer[s - (rank - i)] as number);
    }
  }
  const total = ways[first] as Float64Array;
  return total.subarray(0, u + 1).reduce((sum, count) => sum + count, 0) / total.reduce((sum, count) => sum + count, 0);
}
