import {
  anova,
  bca,
  bcaMean,
  brownForsythe,
  differences,
  dunn,
  friedman,
  gamesHowell,
  holm,
  kruskalWallis,
  mannWhitney,
  mean,
  type PairTest,
  pairsOf,
  repeatedMeasures,
  shapiroWilk,
  tukey,
  welchAnova,
  wilcoxon,
} from '../../statistics/index.ts';
import type { Score } from './score.ts';

export const metrics = ['ce', 'kf', 'ds', 'ss', 'b'] as const;
export type Metric = (typeof metrics)[number];

/** One test of tests.json. */
export interface Hypothesis {
  readonly family: 'omnibus' | 'pairs' | 'misalignment';
  readonly metric: Metric;
  readonly test: string;
  readonly systems: readonly string[];
  /** Items that were compared: paired ones, or of independent groups all together. */
  readonly n: number;
  readonly statistic: number;
  readonly p: number;
  /** By Holm within the family of the metric; Tukey's and Games and Howell's p hold for all pairs already. */
  readonly pAdjusted: number;
  readonly effect: { readonly name: string; readonly value: number };
  /** Of means, with its 95% BCa interval; null for an omnibus test. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Values of one metric by system, by item. */
type Values = ReadonlyMap<string, ReadonlyMap<string, number>>;

const alpha = 0.05;

/** What is drawn at random in every interval. */
export interface Drawing {
  readonly seed: number;
  readonly resamples: number;
}

/**
 * The tests of section 3.8 of the method's specification: misalignment of feeling (the primary family), pairs of systems, and
 * an omnibus test from three systems on. Systems that answer the same questions are compared question by question.
 */
export function hypotheses(scores: readonly Score[], drawing: Drawing): Hypothesis[] {
  const countries = new Map(scores.map(({ qid, country }) => [qid, country?.[0] ?? '']));
  return [
    ...misalignment(valuesOf(scores, 'b'), countries, drawing),
    ...metrics
      .filter((metric) => metric !== 'b')
      .flatMap((metric) => {
        const values = valuesOf(scores, metric);
        return [...omnibus(metric, values), ...pairs(metric, values, countries, drawing)];
      }),
  ];
}

/** The values of each system by question; null ones are missing. */
function valuesOf(scores: readonly Score[], metric: Metric): Values {
  const values = new Map<string, Map<string, number>>();
  for (const score of scores) {
    const own = values.get(score.system) ?? new Map<string, number>();
    values.set(score.system, own);
    const value = score[metric];
    if (value !== null) own.set(score.qid, value);
  }
  return values;
}

function misalignment(values: Values, countries: ReadonlyMap<string, string>, drawing: Drawing): Hypothesis[] {
  const rows = [...values].filter(([, own]) => own.size > 0);
  const tests = rows.map(([system, own]) => {
    const b = [...own.values()];
    const signed = wilcoxon(b);
    const strata = [...own.keys()].map((qid) => countries.get(qid) ?? '');
    return { system, n: b.length, signed, interval: bcaMean(b, { ...drawing, strata }) };
  });
  const adjusted = holm(tests.map(({ signed }) => signed.p));
  return tests.map(({ system, n, signed, interval }, i) => ({
    ...{ family: 'misalignment', metric: 'b', test: `wilcoxon-${signed.method}`, systems: [system], n },
    ...{ statistic: signed.statistic, p: signed.p, pAdjusted: adjusted[i] as number },
    effect: { name: 'rank-biserial', value: signed.rankBiserial },
    ...{ difference: interval.value, low: interval.low, high: interval.high },
  }));
}

/** Questions that all of these systems have a value on. */
function shared(values: Values, systems: readonly string[]): string[] {
  const [first, ...others] = systems.map((system) => values.get(system) as ReadonlyMap<string, number>);
  return [...(first?.keys() ?? [])].filter((qid) => others.every((own) => own.has(qid)));
}

const column = (values: Values, system: string, items: readonly string[]): number[] =>
  items.map((qid) => values.get(system)?.get(qid) as number);

const group = (values: Values, system: string): number[] => [...(values.get(system)?.values() ?? [])];

const isNormal = (sample: readonly number[]): boolean => (shapiroWilk(sample)?.p ?? 0) > alpha;

/** Whether no two systems share a question. */
const isIndependent = (values: Values, systems: readonly string[]): boolean =>
  pairsOf(systems.length).every(([i, j]) => shared(values, [systems[i] as string, systems[j] as string]).length === 0);

const filled = (values: Values): string[] => [...values].flatMap(([system, own]) => (own.size > 0 ? [system] : []));

function omnibus(metric: Metric, values: Values): Hypothesis[] {
  const systems = filled(values);
  if (systems.length < 3) return [];
  const told = (test: string, n: number, statistic: number, p: number, name: string, value: number): Hypothesis => ({
    ...{ family: 'omnibus', metric, test, systems, n, statistic, p, pAdjusted: p, effect: { name, value } },
    ...{ difference: null, low: null, high: null },
  });
  if (isIndependent(values, systems)) {
    const groups = systems.map((system) => group(values, system));
    const n = groups.flat().length;
    const kind = independentTest(groups);
    if (kind === 'anova') {
      const { statistic, p, omega2 } = anova(groups);
      return [told(kind, n, statistic, p, 'omega2', omega2)];
    }
    if (kind === 'welch') {
      const { statistic, p, omega2 } = welchAnova(groups);
      return [told(kind, n, statistic, p, 'omega2', omega2)];
    }
    const { statistic, p, epsilon2 } = kruskalWallis(groups);
    return [told(kind, n, statistic, p, 'epsilon2', epsilon2)];
  }
  const items = shared(values, systems);
  if (items.length < 2) return [];
  const columns = systems.map((system) => column(values, system, items));
  const normal = pairsOf(columns.length).every(([i, j]) =>
    isNormal(differences(columns[i] as number[], columns[j] as number[])),
  );
  if (normal) {
    const { statistic, p, eta2 } = repeatedMeasures(columns);
    return [told('anova-rm', items.length, statistic, p, 'eta2', eta2)];
  }
  const { statistic, p, kendallW } = friedman(columns);
  return [told('friedman', items.length, statistic, p, 'kendall-w', kendallW)];
}

/** Which test of independent groups their shapes and variances allow. */
function independentTest(groups: readonly number[][]): 'anova' | 'welch' | 'kruskal-wallis' {
  if (!groups.every(isNormal)) return 'kruskal-wallis';
  return brownForsythe(groups).p > alpha ? 'anova' : 'welch';
}

function pairs(metric: Metric, values: Values, countries: ReadonlyMap<string, string>, drawing: Drawing): Hypothesis[] {
  const systems = filled(values);
  if (systems.length < 2) return [];
  if (isIndependent(values, systems)) return independentPairs(metric, values, systems, drawing);
  const tests = pairsOf(systems.length).flatMap(([i, j]): Hypothesis[] => {
    const both = [systems[i] as string, systems[j] as string];
    const items = shared(values, both);
    if (items.length === 0) return independentPairs(metric, values, both, drawing);
    const [a, b] = both.map((system) => column(values, system, items)) as [number[], number[]];
    const signed = wilcoxon(differences(a, b));
    const strata = items.map((qid) => countries.get(qid) ?? '');
    const { value, low, high } = bcaMean(differences(a, b), { ...drawing, strata });
    return [
      {
        ...{ family: 'pairs', metric, test: `wilcoxon-${signed.method}`, systems: both, n: items.length },
        ...{ statistic: signed.statistic, p: signed.p, pAdjusted: signed.p },
        effect: { name: 'rank-biserial', value: signed.rankBiserial },
        ...{ difference: value, low, high },
      },
    ];
  });
  const adjusted = holm(tests.map(({ p }) => p));
  return tests.map((test, i) => ({ ...test, pAdjusted: adjusted[i] as number }));
}

/** Every pair of systems that share no question, by the test that their groups allow. */
function independentPairs(metric: Metric, values: Values, systems: readonly string[], drawing: Drawing): Hypothesis[] {
  const groups = systems.map((system) => group(values, system));
  const kind = independentTest(groups);
  const [test, compare] = (
    {
      anova: ['tukey', tukey],
      welch: ['games-howell', gamesHowell],
      'kruskal-wallis': ['dunn', dunn],
    } as const
  )[kind] as readonly [string, (groups: readonly number[][]) => PairTest[]];
  const tests = compare(groups);
  const adjusted = test === 'dunn' ? holm(tests.map(({ p }) => p)) : tests.map(({ p }) => p);
  return tests.map(({ first, second, statistic, p }, i) => {
    const [a, b] = [groups[first] as number[], groups[second] as number[]];
    const { low, high } = differenceOfGroups(a, b, drawing);
    return {
      ...{ family: 'pairs', metric, test, systems: [systems[first] as string, systems[second] as string] },
      ...{ n: a.length + b.length, statistic, p, pAdjusted: adjusted[i] as number },
      effect: { name: 'cliff-delta', value: mannWhitney(a, b).cliffDelta },
      ...{ difference: mean(a) - mean(b), low, high },
    };
  });
}

/** The BCa interval of the difference of two groups' means, each group drawn within itself. */
function differenceOfGroups(a: readonly number[], b: readonly number[], drawing: Drawing) {
  const all = [...a, ...b];
  const strata = all.map((_, i) => (i < a.length ? 'a' : 'b'));
  return bca(
    all.length,
    (items) => {
      const sums = [0, 0];
      const counts = [0, 0];
      for (const item of items) {
        const side = item < a.length ? 0 : 1;
        sums[side] = (sums[side] as number) + (all[item] as number);
        counts[side] = (counts[side] as number) + 1;
      }
      return (sums[0] as number) / (counts[0] as number) - (sums[1] as number) / (counts[1] as number);
    },
    { ...drawing, strata },
  );
}
