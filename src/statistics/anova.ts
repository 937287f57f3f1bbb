import { fTail } from './distributions.ts';
import { mean, median, squares, sum, variance } from './samples.ts';

export interface FTest {
  readonly statistic: number;
  readonly df1: number;
  readonly df2: number;
  readonly p: number;
}

type Groups = readonly (readonly number[])[];

/** One-way analysis of variance of independent groups, with eta^2 = SSB / SST and omega^2, which corrects its bias. */
export function anova(groups: Groups): FTest & { readonly eta2: number; readonly omega2: number } {
  const all = groups.flat();
  const total = squares(all);
  const within = sum(groups.map(squares));
  const between = sum(groups.map((group) => group.length * (mean(group) - mean(all)) ** 2));
  const [df1, df2] = [groups.length - 1, all.length - groups.length];
  const meanSquare = within / df2;
  return {
    ...fTest(between / df1, meanSquare, df1, df2),
    eta2: total === 0 ? 0 : between / total,
    omega2: total === 0 ? 0 : (between - df1 * meanSquare) / (total + meanSquare),
  };
}

/** Welch's analysis of variance, for unequal variances, with omega^2 from its F. (Welch 1951; Kirk 1996) */
export function welchAnova(groups: Groups): FTest & { readonly omega2: number } {
  const k = groups.length;
  const weights = groups.map((group) => group.length / variance(group));
  const weight = sum(weights);
  const centre = sum(groups.map((group, i) => (weights[i] as number) * mean(group))) / weight;
  const between = sum(groups.map((group, i) => (weights[i] as number) * (mean(group) - centre) ** 2)) / (k - 1);
  const spread = sum(groups.map((group, i) => (1 - (weights[i] as number) / weight) ** 2 / (group.length - 1)));
  const scale = 1 + (2 * (k - 2) * spread) / (k * k - 1);
  const test = fTest(between, scale, k - 1, (k * k - 1) / (3 * spread));
  const excess = (k - 1) * (test.statistic - 1);
  return { ...test, omega2: excess / (excess + groups.flat().length) };
}

/** Brown and Forsythe's test that variances are equal: the analysis of variance of |x - median of its group|. (1974) */
export function brownForsythe(groups: Groups): FTest {
  const { eta2, omega2, ...test } = anova(
    groups.map((group) => {
      const centre = median(group);
      return group.map((value) => Math.abs(value - centre));
    }),
  );
  return test;
}

export interface RepeatedMeasures extends FTest {
  /** Greenhouse and Geisser's epsilon in [1 / (k - 1), 1]: df1, df2 and p are corrected by it. */
  readonly epsilon: number;
  /** Partial: SS of systems / (SS of systems + SS of error). */
  readonly eta2: number;
}

/** Repeated-measures analysis of variance with Greenhouse and Geisser's correction. `systems[k][i]`: item i. (1959) */
export function repeatedMeasures(systems: Groups): RepeatedMeasures {
  const [k, n] = [systems.length, systems[0]?.length ?? 0];
  const grand = mean(systems.flat());
  const items = Array.from({ length: n }, (_, i) => mean(systems.map((values) => values[i] as number)));
  const between = n * sum(systems.map((values) => (mean(values) - grand) ** 2));
  const error = sum(
    systems.map((values) => {
      const own = mean(values);
      return sum(values.map((value, i) => (value - own - (items[i] as number) + grand) ** 2));
    }),
  );
  const epsilon = sphericity(systems);
  const [df1, df2] = [(k - 1) * epsilon, (k - 1) * (n - 1) * epsilon];
  const test = fTest(between / (k - 1), error / ((k - 1) * (n - 1)), df1, df2);
  return { ...test, epsilon, eta2: between === 0 ? 0 : between / (between + error) };
}

/** tr(S)^2 / ((k - 1) tr(S^2)) of the doubly centred covariance matrix S of the systems; 1 where nothing varies. */
function sphericity(systems: Groups): number {
  const k = systems.length;
  const covariance = systems.map((a) => systems.map((b) => covarianceOf(a, b)));
  const rows = covariance.map(mean);
  const grand = mean(rows);
  const centred = covariance.map((row, i) =>
    row.map((value, j) => value - (rows[i] as number) - (rows[j] as number) + grand),
  );
  const trace = sum(centred.map((row, i) => row[i] as number));
  const square = sum(centred.flat().map((value) => value ** 2));
  return square === 0 ? 1 : Math.min(1, Math.max(1 / (k - 1), trace ** 2 / ((k - 1) * square)));
}

function covarianceOf(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  return sum(a.map((value, i) => (value - ma) * ((b[i] as number) - mb))) / (a.length - 1);
}

/** F = numerator / denominator; 0, and so p = 1, where neither varies. */
function fTest(numerator: number, denominator: number, df1: number, df2: number): FTest {
  const statistic = numerator === 0 ? 0 : numerator / denominator;
  return { statistic, df1, df2, p: fTail(statistic, df1, df2) };
}
