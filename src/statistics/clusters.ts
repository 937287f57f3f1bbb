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
