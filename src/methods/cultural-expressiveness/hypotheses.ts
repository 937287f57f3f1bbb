import { groupBy } from '../../base/index.ts';
import {
  type Comparison,
  type Drawing,
  omnibusTest,
  oneSampleTests,
  pairTests,
  type SystemValues,
} from '../../statistics/index.ts';
import type { Score } from './score.ts';

const metrics = ['ce', 'kf', 'ds', 'ss'] as const;
export type Metric = (typeof metrics)[number] | 'b';

/** One test of tests.json. */
export interface Hypothesis extends Comparison {
  readonly family: 'omnibus' | 'pairs' | 'misalignment';
  readonly metric: Metric;
}

/**
 * The tests of section 3.8 of the method's specification: misalignment of feeling (the primary family), pairs of systems,
 * and an omnibus test from three systems on. Intervals are drawn within countries.
 */
export function hypotheses(scores: readonly Score[], drawing: Drawing): Hypothesis[] {
  const countries = new Map(scores.map(({ qid, country }) => [qid, country[0] ?? '']));
  const within = { ...drawing, stratumOf: (qid: string) => countries.get(qid) ?? '' };
  const told = (family: Hypothesis['family'], metric: Metric, tests: readonly (Comparison | undefined)[]) =>
    tests.filter((test) => test !== undefined).map((test): Hypothesis => ({ family, metric, ...test }));
  return [
    ...told('misalignment', 'b', oneSampleTests(valuesOf(scores, 'b'), within)),
    ...metrics.flatMap((metric) => {
      const values = valuesOf(scores, metric);
      return [...told('omnibus', metric, [omnibusTest(values)]), ...told('pairs', metric, pairTests(values, within))];
    }),
  ];
}

/** The values of each system by question; null ones are missing. */
function valuesOf(scores: readonly Score[], metric: Metric): SystemValues {
  const bySystem = [...groupBy(scores, ({ system }) => system)];
  return new Map(
    bySystem.map(([system, own]) => [
      system,
      new Map(own.flatMap((score) => (score[metric] === null ? [] : [[score.qid, score[metric]] as const]))),
    ]),
  );
}
