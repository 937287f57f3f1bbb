import { bcaMean, clopperPearson, type Estimate } from '../../statistics/index.ts';
import type { Episode } from './episode.ts';
import { criticalThreshold, type Outcome } from './sets.ts';

/** What a policy made of a list of questions. */
export interface Measured {
  readonly n: number;
  /** Mean spend a question. */
  readonly cost: number;
  /** Share of the questions that are covered or unsolvable, with the exact 95% interval. */
  readonly coverage: Estimate;
  readonly coverageGivenSolvable: number;
  readonly solvableRate: number;
  /** Mean number of distinct answers. */
  readonly setSize: number;
  /** Mean rounds. */
  readonly rounds: number;
  /** Share of the questions without any answer. */
  readonly emptyRate: number;
}

/** Outcomes without what only serving needs. */
export type Counted = Omit<Outcome, 'answers'>;

/** The means of outcomes, question by question. */
export function measure(episodes: readonly Episode[], outcomes: readonly Counted[]): Measured {
  const n = outcomes.length;
  const covered = outcomes.filter((outcome) => outcome.covered).length;
  const solvable = episodes.filter((episode) => episode.solvable).length;
  const meanOf = (value: (outcome: Counted) => number) => outcomes.reduce((sum, each) => sum + value(each), 0) / n;
  return {
    n,
    cost: meanOf(({ cost }) => cost),
    coverage: { value: covered / n, ...clopperPearson(covered, n) },
    coverageGivenSolvable: solvable > 0 ? (covered - (n - solvable)) / solvable : 1,
    solvableRate: solvable / n,
    setSize: meanOf(({ setSize }) => setSize),
    rounds: meanOf(({ rounds }) => rounds),
    emptyRate: meanOf(({ setSize }) => (setSize === 0 ? 1 : 0)),
  };
}

/** The mean cost with its 95% interval (BCa). */
export const costInterval = (outcomes: readonly Counted[], seed: number): Estimate =>
  bcaMean(
    outcomes.map(({ cost }) => cost),
    { resamples: 2000, seed },
  );

/** A question reduced to what cost and coverage at any threshold need. */
export interface Profile {
  readonly critical: number;
  /** Nodes with the least score on the way to them, the root with Infinity, and their spend. */
  readonly spends: readonly { readonly reach: number; readonly cost: number }[];
}

/** What cost and coverage at any threshold are computed from. */
export function profileOf(episode: Episode, scores: Float64Array): Profile {
  const actions = episode.nodes[0]?.leaves.length ?? 0;
  return {
    critical: criticalThreshold(episode, scores),
    spends: episode.nodes.map(({ parent, edge, cost }) => ({
      reach: parent < 0 ? Infinity : (scores[parent * actions + edge] as number),
      cost,
    })),
  };
}

const spendAt = ({ spends }: Profile, kappa: number): number =>
  spends.reduce((sum, { reach, cost }) => (reach >= kappa ? sum + cost : sum), 0);

/** Mean cost and coverage of profiles at a threshold. */
export function operatingAt(profiles: readonly Profile[], kappa: number): { cost: number; coverage: number } {
  let [cost, covered] = [0, 0];
  for (const profile of profiles) {
    if (profile.critical >= kappa) covered++;
    cost += spendAt(profile, kappa);
  }
  return { cost: cost / profiles.length, coverage: covered / profiles.length };
}

/** Cost and coverage at up to `most` thresholds, from the smallest sets to the largest. */
export function curveOf(profiles: readonly Profile[], most = 200): { kappa: number; cost: number; coverage: number }[] {
  const thresholds = [...new Set([Infinity, ...profiles.map(({ critical }) => critical)])].sort((a, b) => b - a);
  const count = Math.min(most, thresholds.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => thresholds[Math.floor((i * (thresholds.length - 1)) / Math.max(1, count - 1))],
  );
  return chosen.map((kappa) => ({ kappa: kappa as number, ...operatingAt(profiles, kappa as number) }));
}

/** Points of a curve around a coverage, and the share of the upper one that reaches it; undefined when none does. */
function around<T extends { readonly coverage: number }>(curve: readonly T[], coverage: number) {
  const at = curve.findIndex((point) => point.coverage >= coverage);
  const above = curve[at];
  if (!above) return undefined;
  const below = curve[at - 1];
  if (!below || above.coverage === below.coverage) return { above, below: above, share: 1 };
  return { above, below, share: (coverage - below.coverage) / (above.coverage - below.coverage) };
}

/** The cost of each question at a coverage, mixed of the two nearest thresholds; null when the curve does not reach it. */
export function costsAtCoverage(
  profiles: readonly Profile[],
  curve: readonly { readonly kappa: number; readonly coverage: number }[],
  coverage: number,
): number[] | null {
  const found = around(curve, coverage);
  if (!found) return null;
  return profiles.map((profile) => {
    const [above, below] = [spendAt(profile, found.above.kappa), spendAt(profile, found.below.kappa)];
    return below + found.share * (above - below);
  });
}
