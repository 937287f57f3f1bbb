import { groupBy } from '../base/index.ts';

/** One prediction: the probability that was claimed for it, and whether it was right. */
export interface Prediction {
  readonly confidence: number;
  readonly correct: boolean;
}

/**
 * Expected calibration error: the mean over predictions of |accuracy - mean confidence| of their bin, with `bins` bins
 * of equal width over (0, 1]. (Guo et al. 2017, equation 3)
 */
export function expectedCalibrationError(predictions: readonly Prediction[], bins = 15): number {
  const binOf = ({ confidence }: Prediction): number => Math.max(0, Math.ceil(confidence * bins) - 1);
  return gapOf([...groupBy(predictions, binOf).values()], predictions.length);
}

/**
 * Adaptive calibration error: as the expected one, with bins of equal numbers of predictions (sizes differ by at most
 * one). (Nixon et al. 2019, for the predicted class)
 */
export function adaptiveCalibrationError(predictions: readonly Prediction[], bins = 15): number {
  const sorted = predictions.toSorted((a, b) => a.confidence - b.confidence);
  const edge = (bin: number): number => Math.floor((bin * sorted.length) / bins);
  const groups = Array.from({ length: bins }, (_, bin) => sorted.slice(edge(bin), edge(bin + 1)));
  return gapOf(groups, predictions.length);
}

function gapOf(groups: readonly (readonly Prediction[])[], n: number): number {
  const sums = groups.map((group) =>
    group.reduce((gap, { confidence, correct }) => gap + (correct ? 1 : 0) - confidence, 0),
  );
  return sums.reduce((total, gap) => total + Math.abs(gap), 0) / n;
}
