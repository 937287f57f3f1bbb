export { anova, brownForsythe, type FTest, type RepeatedMeasures, repeatedMeasures, welchAnova } from './anova.ts';
export {
  accelerationOf,
  type BootstrapOptions,
  bca,
  bcaMean,
  bootstrap,
  type Estimate,
  pairedDifference,
  type Statistic,
} from './bootstrap.ts';
export { adaptiveCalibrationError, expectedCalibrationError, type Prediction } from './calibration.ts';
export { type Cluster, clusterMean } from './clusters.ts';
export {
  type Comparison,
  type Drawing,
  omnibusTest,
  oneSampleTests,
  pairTests,
  type SystemValues,
} from './comparisons.ts';
export {
  betaQuantile,
  binomialCdf,
  chiSquareTail,
  fTail,
  normalCdf,
  normalQuantile,
  normalTwoSided,
  tTwoSided,
} from './distributions.ts';
export { holm } from './holm.ts';
export { dominated, hypervolume } from './hypervolume.ts';
export { type MannWhitney, mannWhitney } from './mann-whitney.ts';
export { mcnemar } from './mcnemar.ts';
export { gamesHowell, type PairTest, pairsOf, tukey } from './post-hoc.ts';
export { clopperPearson, type Interval, wilson, z95 } from './proportions.ts';
export {
  criticalDifference,
  dunn,
  type Friedman,
  friedman,
  type KruskalWallis,
  kruskalWallis,
} from './rank-tests.ts';
export { differences, mean, median, quantile, ranks, variance } from './samples.ts';
export { type ShapiroWilk, shapiroWilk } from './shapiro-wilk.ts';
export { studentizedRangeTail } from './studentized-range.ts';
export { hedgesG, pairedT, type TTest, welchT } from './t-tests.ts';
export { pairedWilcoxon, type SignedRank, wilcoxon } from './wilcoxon.ts';
