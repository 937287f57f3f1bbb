import { chiSquareTail, normalTwoSided } from './distributions.ts';
import { type PairTest, pairsOf } from './post-hoc.ts';
import { mean, ranks, sum } from './samples.ts';
import { studentizedRangeTail } from './studentized-range.ts';

type Groups = readonly (readonly number[])[];

export interface KruskalWallis {
  /** H, corrected for ties. */
  readonly statistic: number;
  readonly p: number;
  /** H / (N - 1). */
  readonly epsilon2: number;
  /** (H - k + 1) / (N - k). */
  readonly etaH2: number;
}

/** Kruskal and Wallis' test that independent groups have one distribution. Where all values are equal p is 1. (1952) */
export function kruskalWallis(groups: Groups): KruskalWallis {
  const { total, rankMeans, ties } = rankedGroups(groups);
  const [n, k] = [total, groups.length];
  const between = sum(groups.map((group, i) => group.length * (rankMeans[i] as number) ** 2));
  const correction = 1 - ties / (n ** 3 - n);
  const statistic = correction > 0 ? ((12 / (n * (n + 1))) * between - 3 * (n + 1)) / correction : 0;
  return {
    statistic,
    p: chiSquareTail(statistic, k - 1),
    epsilon2: statistic / (n - 1),
    etaH2: (statistic - k + 1) / (n - k),
  };
}

/** Dunn's comparisons of mean ranks after Kruskal and Wallis: z and its two-sided p, not adjusted. (1964) */
export function dunn(groups: Groups): PairTest[] {
  const { total: n, rankMeans, ties } = rankedGroups(groups);
  const spread = (n * (n + 1)) / 12 - ties / (12 * (n - 1));
  return pairsOf(groups.length).map(([first, second]) => {
    const [a, b] = [groups[first] as number[], groups[second] as number[]];
    const difference = (rankMeans[first] as number) - (rankMeans[second] as number);
    const statistic = difference === 0 ? 0 : difference / Math.sqrt(spread * (1 / a.length + 1 / b.length));
    return { first, second, statistic, p: normalTwoSided(statistic) };
  });
}

function rankedGroups(groups: Groups): { total: number; rankMeans: number[]; ties: number } {
  const all = groups.flat();
  const { ranks: rank, ties } = ranks(all);
  let at = 0;
  const rankMeans = groups.map((group) => {
    at += group.length;
    return mean(rank.slice(at - group.length, at));
  });
  return { total: all.length, rankMeans, ties };
}

export interface Friedman {
  /** Chi-square, corrected for ties. */
  readonly statistic: number;
  readonly p: number;
  /** Kendall's coefficient of concordance, chi-square / (n (k - 1)). */
  readonly kendallW: number;
  /** The mean rank of each system; the largest value of an item has the largest rank. */
  readonly meanRanks: readonly number[];
}

/** Friedman's test that systems rank alike on the same items. `systems[k][i]`: item i. Without a difference p is 1. (1937) */
export function friedman(systems: Groups): Friedman {
  const [k, n] = [systems.length, systems[0]?.length ?? 0];
  const items = Array.from({ length: n }, (_, i) => ranks(systems.map((values) => values[i] as number)));
  const rankSums = systems.map((_, system) => sum(items.map(({ ranks: rank }) => rank[system] as number)));
  const correction = 1 - sum(items.map(({ ties }) => ties)) / (n * (k ** 3 - k));
  const raw = (12 / (n * k * (k + 1))) * sum(rankSums.map((total) => total ** 2)) - 3 * n * (k + 1);
  const statistic = correction > 0 ? raw / correction : 0;
  return {
    statistic,
    p: chiSquareTail(statistic, k - 1),
    kendallW: statistic / (n * (k - 1)),
    meanRanks: rankSums.map((total) => total / n),
  };
}

/**
 * Nemenyi's critical difference: mean ranks of two of `systems` over `items` that lie further apart differ at level
 * alpha over all pairs together. (Demsar 2006, section 3.2.2)
 */
export function criticalDifference(systems: number, items: number, alpha = 0.05): number {
  let [low, high] = [0, 100];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (studentizedRangeTail(middle, systems, Number.POSITIVE_INFINITY) > alpha) low = middle;
    else high = middle;
  }
  return (low / Math.SQRT2) * Math.sqrt((systems * (systems + 1)) / (6 * items));
}
