import { bcaMean, type Drawing, type Estimate, mean, ranks } from '../../statistics/index.ts';
import type { Score, Weights } from './score.ts';

/** The means of one system over its scored answers. */
export interface SystemSummary {
  readonly ce: number | null;
  /** 95% BCa interval of ce over questions. */
  readonly low: number | null;
  readonly high: number | null;
  readonly kf: number | null;
  readonly ds: number | null;
  readonly ss: number | null;
  readonly b: number | null;
  readonly ceWithoutSs: number | null;
  /** 95% BCa interval of ceWithoutSs. */
  readonly lowWithoutSs: number | null;
  readonly highWithoutSs: number | null;
  readonly ceExt: number | null;
  /** Answers with a ce. */
  readonly n: number;
}

/** The summary of each system, in the order in which they come. */
export function summaries(scores: readonly Score[], drawing: Drawing): Record<string, SystemSummary> {
  const systems = [...new Set(scores.map(({ system }) => system))];
  return Object.fromEntries(
    systems.map((system) => [
      system,
      summaryOf(
        scores.filter((score) => score.system === system),
        drawing,
      ),
    ]),
  );
}

/** Means over rows with a value; the interval is drawn within countries. */
export function summaryOf(scores: readonly Score[], drawing: Drawing): SystemSummary {
  const [ce, withoutSs] = (['ce', 'ce_without_ss'] as const).map((part) => {
    const rows = scores.filter((score) => score[part] !== null);
    const strata = rows.map(({ country }) => country?.[0] ?? '');
    const values = rows.map((score) => score[part] as number);
    return { n: rows.length, ...(rows.length > 0 && bcaMean(values, { ...drawing, strata })) };
  }) as [Partial<Estimate> & { n: number }, Partial<Estimate>];
  return {
    ce: ce.value ?? null,
    low: ce.low ?? null,
    high: ce.high ?? null,
    kf: meanOf(scores, ({ kf }) => kf),
    ds: meanOf(scores, ({ ds }) => ds),
    ss: meanOf(scores, ({ ss }) => ss),
    b: meanOf(scores, ({ b }) => b),
    ceWithoutSs: withoutSs.value ?? null,
    lowWithoutSs: withoutSs.low ?? null,
    highWithoutSs: withoutSs.high ?? null,
    ceExt: meanOf(scores, (score) => score.ce_ext),
    n: ce.n,
  };
}

/** The mean of what is there; null where nothing is. */
export function meanOf(scores: readonly Score[], pick: (score: Score) => number | null | undefined): number | null {
  const values = scores.map(pick).filter((value) => value !== null && value !== undefined);
  return values.length === 0 ? null : mean(values);
}

/** The ranks of systems by a mean, 1 for the largest; none where one of them has no value. */
export interface Ranking {
  readonly name: string;
  readonly ranks: Readonly<Record<string, number>>;
  readonly means: Readonly<Record<string, number>>;
}

/** Whether the definition of the metric decides who is first: eight of its readings, and other weights. */
export interface Stability {
  readonly readings: readonly Ranking[];
  /** Of the weights on a grid of step 0.1: how many there are, and how often each system has each rank. */
  readonly grid: {
    readonly points: number;
    readonly ranks: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
}

/** Ranks under clipped or halved dS, mean or largest SemSim, recalled or dense KF; and over the weight simplex. */
export function stability(scores: readonly Score[], weights: Weights): Stability {
  const byAnswer = densest(scores);
  const readings = ['clipped', 'half'].flatMap((ds) =>
    ['mean', 'max'].flatMap((ss) =>
      ['recall', 'density'].map((kf) => {
        const parts = scores.map((score) => ({
          system: score.system,
          kf: kf === 'recall' ? score.kf : score.kf === null ? null : (byAnswer(score) ?? null),
          ds: ds === 'half' ? Math.abs(score.s_sys - score.s_ref) / 2 : score.ds,
          ss: ss === 'max' ? score.ss_max : score.ss,
        }));
        return ranked(`dS ${ds}, SemSim ${ss}, KF ${kf}`, parts, weights);
      }),
    ),
  );
  const points = simplex(10);
  const counts: Record<string, Record<string, number>> = {};
  for (const point of points) {
    for (const [system, rank] of Object.entries(ranked('', scores, point)?.ranks ?? {})) {
      const own = counts[system] ?? {};
      counts[system] = { ...own, [rank]: (own[rank] ?? 0) + 1 };
    }
  }
  return {
    readings: readings.filter((ranking) => ranking !== undefined),
    grid: { points: points.length, ranks: counts },
  };
}

interface Parts {
  readonly system: string;
  readonly kf: number | null | undefined;
  readonly ds: number;
  readonly ss: number | null | undefined;
}

/** Keyword hits in 100 words over the largest mean of a system, at most 1. It depends on the systems compared. */
function densest(scores: readonly Score[]): (score: Score) => number | undefined {
  const systems = [...new Set(scores.map(({ system }) => system))];
  const means = systems.map((system) =>
    meanOf(
      scores.filter((score) => score.system === system),
      ({ density }) => density,
    ),
  );
  const most = Math.max(...means.map((value) => value ?? 0));
  return ({ density }) => (density === undefined || most === 0 ? undefined : Math.min(1, density / most));
}

function ranked(
  name: string,
  parts: readonly Parts[],
  [keywords, sentiment, similarity]: Weights,
): Ranking | undefined {
  const systems = [...new Set(parts.map(({ system }) => system))];
  const means = systems.map((system) => {
    const values = parts
      .filter((part) => part.system === system && part.kf !== null && part.kf !== undefined)
      .map(
        ({ kf, ds, ss }) =>
          keywords * (kf as number) + sentiment * (1 - ds) + (similarity === 0 ? 0 : similarity * (ss ?? Number.NaN)),
      );
    return values.length === 0 ? Number.NaN : mean(values);
  });
  if (!means.every(Number.isFinite)) return undefined;
  const places = ranks(means.map((value) => -value)).ranks;
  return {
    name,
    ranks: Object.fromEntries(systems.map((system, i) => [system, places[i] as number])),
    means: Object.fromEntries(systems.map((system, i) => [system, means[i] as number])),
  };
}

/** Every weighting of three parts in steps of 1 / steps. */
function simplex(steps: number): Weights[] {
  return Array.from({ length: steps + 1 }, (_, i) =>
    Array.from({ length: steps + 1 - i }, (_, j): Weights => [i / steps, j / steps, (steps - i - j) / steps]),
  ).flat();
}
