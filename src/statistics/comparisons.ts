import { anova, brownForsythe, repeatedMeasures, welchAnova } from './anova.ts';
import { bca, bcaMean } from './bootstrap.ts';
import { holm } from './holm.ts';
import { mannWhitney } from './mann-whitney.ts';
import { gamesHowell, type PairTest, pairsOf, tukey } from './post-hoc.ts';
import { dunn, friedman, kruskalWallis } from './rank-tests.ts';
import { differences, mean } from './samples.ts';
import { shapiroWilk } from './shapiro-wilk.ts';
import { wilcoxon } from './wilcoxon.ts';

/** A test between systems, or of one system, on items. */
export interface Comparison {
  readonly test: string;
  readonly systems: readonly string[];
  /** Items that were compared: paired ones, or of independent groups all together. */
  readonly n: number;
  readonly statistic: number;
  readonly p: number;
  /** By Holm within the family; Tukey's and Games and Howell's p hold for all pairs already. */
  readonly pAdjusted: number;
  readonly effect: { readonly name: string; readonly value: number };
  /** Of means, with its 95% BCa interval; null for an omnibus test. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** The values of each system by item: a missing one is not there. */
export type SystemValues = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What is drawn at random in every interval. */
export interface Drawing {
  readonly seed: number;
  readonly resamples: number;
  /** The stratum of an item, within which it is drawn; one stratum without. */
  readonly stratumOf?: (item: string) => string;
}

const alpha = 0.05;

/**
 * Whether the values of each system lie around 0: Wilcoxon's signed-rank test, by Holm over the systems, with the mean.
 */
export function oneSampleTests(values: SystemValues, drawing: Drawing): Comparison[] {
  const tests = filled(values).map((system) => {
    const own = values.get(system) as ReadonlyMap<string, number>;
    return signedRankTest([system], [...own.keys()], [...own.values()], drawing);
  });
  return adjusted(tests);
}

/**
 * Whether several systems differ, on the items that all of them have: repeated-measures analysis of variance where all
 * differences look normal (Shapiro and Wilk), else Friedman. Where no two share an item, independent groups: analysis of
 * variance, Welch's, or Kruskal and Wallis. None under three systems, or two shared items.
 */
export function omnibusTest(values: SystemValues): Comparison | undefined {
  const systems = filled(values);
  if (systems.length < 3) return undefined;
  const told = (test: string, n: number, statistic: number, p: number, name: string, value: number): Comparison => ({
    ...{ test, systems, n, statistic, p, pAdjusted: p, effect: { name, value } },
    ...{ difference: null, low: null, high: null },
  });
  if (isIndependent(values, systems)) {
    const groups = systems.map((system) => group(values, system));
    const n = groups.flat().length;
    const kind = independentTest(groups);
    if (kind === 'anova') {
      const { statistic, p, omega2 } = anova(groups);
      return told(kind, n, statistic, p, 'omega2', omega2);
    }
    if (kind === 'welch') {
      const { statistic, p, omega2 } = welchAnova(groups);
      return told(kind, n, statistic, p, 'omega2', omega2);
    }
    const { statistic, p, epsilon2 } = kruskalWallis(groups);
    return told(kind, n, statistic, p, 'epsilon2', epsilon2);
  }
  const items = shared(values, systems);
  if (items.length < 2) return undefined;
  const columns = systems.map((system) => column(values, system, items));
  const normal = pairsOf(columns.length).every(([i, j]) =>
    isNormal(differences(columns[i] as number[], columns[j] as number[])),
  );
  if (normal) {
    const { statistic, p, eta2 } = repeatedMeasures(columns);
    return told('anova-rm', items.length, statistic, p, 'eta2', eta2);
  }
  const { statistic, p, kendallW } = friedman(columns);
  return told('friedman', items.length, statistic, p, 'kendall-w', kendallW);
}

/** Which test of independent groups their shapes and variances allow. */
function independentTest(groups: readonly number[][]): 'anova' | 'welch' | 'kruskal-wallis' {
  if (!groups.every(isNormal)) return 'kruskal-wallis';
  return brownForsythe(groups).p > alpha ? 'anova' : 'welch';
}

/**
 * Every pair of systems, on the items that both have: Wilcoxon's signed-rank test by Holm, with the mean difference. Systems
 * that share no item are compared as independent groups: Tukey, Games and Howell, or Dunn by Holm.
 */
export function pairTests(values: SystemValues, drawing: Drawing): Comparison[] {
  const systems = filled(values);
  if (systems.length < 2) return [];
  if (isIndependent(values, systems)) return independentPairs(values, systems, drawing);
  const tests = pairsOf(systems.length).flatMap(([i, j]): Comparison[] => {
    const both = [systems[i] as string, systems[j] as string];
    const items = shared(values, both);
    if (items.length === 0) return independentPairs(values, both, drawing);
    const [a, b] = both.map((system) => column(values, system, items)) as [number[], number[]];
    return [signedRankTest(both, items, differences(a, b), drawing)];
  });
  return adjusted(tests);
}

function signedRankTest(
  systems: readonly string[],
  items: readonly string[],
  values: readonly number[],
  { seed, resamples, stratumOf = () => '' }: Drawing,
): Comparison {
  const signed = wilcoxon(values);
  const { value, low, high } = bcaMean(values, { seed, resamples, strata: items.map(stratumOf) });
  return {
    ...{ test: `wilcoxon-${signed.method}`, systems, n: values.length, statistic: signed.statistic },
    ...{ p: signed.p, pAdjusted: signed.p, effect: { name: 'rank-biserial', value: signed.rankBiserial } },
    ...{ difference: value, low, high },
  };
}

function adjusted(tests: readonly Comparison[]): Comparison[] {
  const ps = holm(tests.map(({ p }) => p));
  return tests.map((test, i) => ({ ...test, pAdjusted: ps[i] as number }));
}

/** Every pair of systems that share no item, by the test that their groups allow. */
function independentPairs(values: SystemValues, systems: readonly string[], drawing: Drawing): Comparison[] {
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
  const ps = test === 'dunn' ? holm(tests.map(({ p }) => p)) : tests.map(({ p }) => p);
  return tests.map(({ first, second, statistic, p }, i) => {
    const [a, b] = [groups[first] as number[], groups[second] as number[]];
    const { low, high } = differenceOfGroups(a, b, drawing);
    return {
      ...{ test, systems: [systems[first] as string, systems[second] as string] },
      ...{ n: a.length + b.length, statistic, p, pAdjusted: ps[i] as number },
      effect: { name: 'cliff-delta', value: mannWhitney(a, b).cliffDelta },
      ...{ difference: mean(a) - mean(b), low, high },
    };
  });
}

/** The BCa interval of the difference of two groups' means, each group drawn within itself. */
function differenceOfGroups(a: readonly number[], b: readonly number[], { seed, resamples }: Drawing) {
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
    { seed, resamples, strata },
  );
}

/** Items that all of these systems have a value on. */
function shared(values: SystemValues, systems: readonly string[]): string[] {
  const [first, ...others] = systems.map((system) => values.get(system) as ReadonlyMap<string, number>);
  return [...(first?.keys() ?? [])].filter((item) => others.every((own) => own.has(item)));
}

const column = (values: SystemValues, system: string, items: readonly string[]): number[] =>
  items.map((item) => values.get(system)?.get(item) as number);

const group = (values: SystemValues, system: string): number[] => [...(values.get(system)?.values() ?? [])];

const isNormal = (sample: readonly number[]): boolean => (shapiroWilk(sample)?.p ?? 0) > alpha;

/** Whether no two systems share an item. */
const isIndependent = (values: SystemValues, systems: readonly string[]): boolean =>
  pairsOf(systems.length).every(([i, j]) => shared(values, [systems[i] as string, systems[j] as string]).length === 0);

const filled = (values: SystemValues): string[] =>
  [...values].flatMap(([system, own]) => (own.size > 0 ? [system] : []));
