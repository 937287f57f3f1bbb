/** An estimate with the ends of its 95% confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The standard normal quantile of 0.975. */
export const z95 = 1.959963984540054;

/**
 * Wilson's 95% interval of a proportion of which `successes` of `n` were seen: unlike the normal one it stays within
 * [0, 1] and keeps its coverage near the ends. (Wilson 1927; Brown, Cai and DasGupta 2001)
 */
export function wilson(successes: number, n: number): Interval {
  const p = successes / n;
  const square = z95 ** 2;
  const centre = (p + square / (2 * n)) / (1 + square / n);
  const half = (z95 * Math.sqrt((p * (1 - p)) / n + square / (4 * n ** 2))) / (1 + square / n);
  return { low: successes === 0 ? 0 : centre - half, high: successes === n ? 1 : centre + half };
}

/** A part of a sample whose members hang together: a window of a text. */
export interface Cluster {
  readonly sum: number;
  readonly count: number;
}

/**
 * The mean over all members of clusters, and its standard error when clusters, not members, are independent: the
 * linearised variance of a ratio, K/(K-1) sum (sum_k - mean count_k)^2 / N^2. For clusters of one size it is the
 * standard error of their means. Undefined for fewer than two clusters. (Cochran 1977, equation 6.13)
 */
export function clusterMean(clusters: readonly Cluster[]): { mean: number; standardError: number | undefined } {
  const total = clusters.reduce((sum, cluster) => sum + cluster.count, 0);
  const mean = clusters.reduce((sum, cluster) => sum + cluster.sum, 0) / total;
  const squares = clusters.reduce((sum, cluster) => sum + (cluster.sum - mean * cluster.count) ** 2, 0);
  const n = clusters.length;
  return { mean, standardError: n < 2 ? undefined : Math.sqrt((n / (n - 1)) * squares) / total };
}
