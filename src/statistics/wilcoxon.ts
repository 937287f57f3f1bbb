import { normalTwoSided } from './distributions.ts';
import { differences, ranks } from './samples.ts';

/** Largest n without ties or zeros of which p is exact. */
const exactUpTo = 25;

export interface SignedRank {
  readonly method: 'exact' | 'normal';
  /** Differences that are not zero. */
  readonly n: number;
  /** min(W+, W-). */
  readonly statistic: number;
  /** Two-sided. */
  readonly p: number;
  /** Matched rank-biserial correlation (W+ - W-) / (W+ + W-), in [-1, 1]; 0 without a difference. (Kerby 2014) */
  readonly rankBiserial: number;
}

/**
 * Wilcoxon's signed-rank test that differences lie symmetrically around 0. Zeros are dropped. Exact for at most 25
 * differences without ties or zeros, otherwise the normal approximation with tie and continuity corrections, as
 * scipy.stats.wilcoxon with `correction=True`. Without a difference p is 1. (Wilcoxon 1945)
 */
export function wilcoxon(values: readonly number[]): SignedRank {
  const nonzero = values.filter((value) => value !== 0);
  const n = nonzero.length;
  if (n === 0) return { method: 'normal', n, statistic: 0, p: 1, rankBiserial: 0 };
  const { ranks: rank, ties } = ranks(nonzero.map(Math.abs));
  const all = (n * (n + 1)) / 2;
  const plus = nonzero.reduce((sum, value, i) => (value > 0 ? sum + (rank[i] as number) : sum), 0);
  const statistic = Math.min(plus, all - plus);
  const common = { n, statistic, rankBiserial: (2 * plus - all) / all };
  if (n <= exactUpTo && ties === 0 && n === values.length) {
    return { method: 'exact', ...common, p: Math.min(1, 2 * signedRankCdf(statistic, n)) };
  }
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1) - ties / 2) / 24);
  const z = Math.max(0, all / 2 - statistic - 0.5) / deviation;
  return { method: 'normal', ...common, p: normalTwoSided(z) };
}

/** The signed-rank test of the differences a[i] - b[i]. */
export function pairedWilcoxon(a: readonly number[], b: readonly number[]): SignedRank {
  return wilcoxon(differences(a, b));
}

/** P(W+ <= w) for n differences without ties: subsets of {1..n} by their sum, each as likely. */
function signedRankCdf(w: number, n: number): number {
  const counts = new Float64Array((n * (n + 1)) / 2 + 1);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = counts.length - 1; sum >= rank; sum--) {
      counts[sum] = (counts[sum] as number) + (counts[sum - rank] as number);
    }
  }
  return counts.subarray(0, w + 1).reduce((total, count) => total + count, 0) / 2 ** n;
}
