import { fnv1a, randomFrom } from '../../base/index.ts';
import { orderStatistic } from './calibration.ts';
import { trainCpo } from './cpo.ts';
import { drawIndex } from './draw.ts';
import { actionsOf, type Episode } from './episode.ts';
import { fitLogistic } from './logistic.ts';
import { type Counted, costAtCoverage, curveOf, type Measured, measure, profileOf } from './measure.ts';
import { nextThreshold, onlineDefaults, stepSize } from './online.ts';
import { inputsOf, policyOf, scalingOf } from './policy-network.ts';
import { criticalThreshold, outcomeAt, scoresOf } from './sets.ts';
import type { LoggedQuestion } from './trajectories.ts';

/** A baseline on the test questions. */
export interface BaselineResult extends Measured {
  readonly summary: string;
  /** Its spend where its coverage equals the policy's; null where it has no threshold or never gets there. */
  readonly costAtEqualCoverage: number | null;
  /** Cost and coverage at its thresholds, for the report. */
  readonly curve: readonly { readonly cost: number; readonly coverage: number }[];
}

interface Splits {
  readonly train: readonly LoggedQuestion[];
  readonly calib: readonly LoggedQuestion[];
  readonly test: readonly LoggedQuestion[];
}

/** A rule: its score of going on, by round. All answers of visited rounds are in its set: they are paid for. */
type GoOn = (question: LoggedQuestion) => readonly number[];

/**
 * Every baseline on the same test questions. Those with a threshold get the same calibration as the policy (the order
 * statistic on the calibration questions) and list all answers of the rounds that they visit, so that only the score
 * differs. Compare costs at equal coverage.
 */
export function baselinesOn(
  splits: Splits,
  alpha: number,
  coverage: number,
  seed: number,
  signal?: AbortSignal,
): Record<string, BaselineResult> {
  const { test } = splits;
  const episodes = test.map(({ episode }) => episode);
  const fixed = (summary: string, outcomes: readonly Counted[]): BaselineResult => ({
    summary,
    ...measure(episodes, outcomes),
    costAtEqualCoverage: null,
    curve: [],
  });
  const ruled = (summary: string, rule: GoOn) =>
    thresholded(summary, splits, alpha, coverage, (question) => depthScores(question.episode, rule(question)));
  const results: Record<string, BaselineResult | undefined> = {
    'always-small': fixed('the base answers once', test.map(smallOutcome)),
    'always-guide': fixed(
      'base and guide run once, the guide answers',
      test.map((question) => single(question, 1)),
    ),
    'always-deep': fixed(
      'every round is run',
      episodes.map((episode) =>
        outcomeAt(
          episode,
          depthScores(
            episode,
            episode.nodes.map(() => Infinity),
          ),
          0,
        ),
      ),
    ),
    random: ruled('rounds go on at random', ({ episode }) => {
      const random = randomFrom(fnv1a(`${seed} ${episode.qid}`));
      return episode.nodes.map(random);
    }),
    ...judged(test, fixed),
    uala: test.every(({ signals }) => signals.every(({ uncertainty }) => uncertainty !== undefined))
      ? ruled("rounds go on while the guide's answer is uncertain (UALA)", ({ signals }) =>
          signals.map(({ uncertainty = 0 }) => uncertainty),
        )
      : undefined,
    ...(splits.train.length > 0 ? trained(splits, alpha, coverage, seed, fixed, ruled, signal) : {}),
  };
  return Object.fromEntries(
    Object.entries(results).filter((entry): entry is [string, BaselineResult] => entry[1] !== undefined),
  );
}

type Fixed = (summary: string, outcomes: readonly Counted[]) => BaselineResult;

/** Those that follow the guide's judgement, where it was logged. */
function judged(test: readonly LoggedQuestion[], fixed: Fixed): Record<string, BaselineResult> {
  if (!test.every(({ signals }) => signals.every(({ judge }) => judge !== undefined))) return {};
  return {
    'llm-policy': fixed(
      'the guide decides in round 1: yes takes the base, no its own answer',
      test.map((question) => single(question, question.signals[0]?.judge === 'yes' ? 0 : 1)),
    ),
    exit: fixed(
      'rounds go on until the guide says yes',
      test.map(({ episode, signals }) =>
        outcomeAt(
          episode,
          depthScores(
            episode,
            signals.map(({ judge }) => (judge === 'yes' ? -1 : 1)),
          ),
          0,
        ),
      ),
    ),
  };
}

/** Those that learn from the training questions. */
function trained(
  splits: Splits,
  alpha: number,
  coverage: number,
  seed: number,
  fixed: Fixed,
  ruled: (summary: string, rule: GoOn) => BaselineResult,
  signal: AbortSignal | undefined,
): Record<string, BaselineResult> {
  const episodes = splits.train.map(({ episode }) => episode);
  const scaling = scalingOf(episodes);
  const doubt = fitDoubt(episodes, scaling);
  const { network } = trainCpo(episodes, alpha, seed, signal);
  const piOf = ({ episode }: LoggedQuestion) =>
    policyOf(network, [episode], inputsOf([episode], scaling)).pi[0] as Float64Array;
  const scores = (question: LoggedQuestion) => scoresOf(question.episode, piOf(question), 'abstain');
  return {
    cascade: ruled('rounds go on while a scorer doubts the answers so far (FrugalGPT)', ({ episode }) =>
      doubt(episode),
    ),
    routellm: ruled('one decision after round 1: stop or run everything (RouteLLM)', ({ episode }) =>
      doubt(episode).map((each, i) => (i === 0 ? each : Infinity)),
    ),
    cpo: fixed(
      'constrained policy optimisation, one answer',
      splits.test.map((question) => sampled(question, piOf(question), seed)),
    ),
    'cpo-batch': thresholded('its policy, with sets calibrated afterwards', splits, alpha, coverage, scores),
    'cpo-online': fixed('its policy, with the online threshold', onlineOutcomes(splits, alpha, scores)),
  };
}

/** The scores of a rule that only decides how deep it goes: leaves have that of the way to them. */
function depthScores(episode: Episode, goOn: readonly number[]): Float64Array {
  const pi = new Float64Array(episode.nodes.length * actionsOf(episode)).fill(Infinity);
  const actions = actionsOf(episode);
  for (const i of episode.nodes.keys()) pi[(i + 1) * actions - 1] = goOn[i] as number;
  return scoresOf(episode, pi, 'abstain');
}

function thresholded(
  summary: string,
  { calib, test }: Splits,
  alpha: number,
  coverage: number,
  scores: (question: LoggedQuestion) => Float64Array,
): BaselineResult {
  const critical = calib.map((question) => criticalThreshold(question.episode, scores(question)));
  const { kappa } = orderStatistic(critical, alpha);
  const scored = test.map((question) => ({ episode: question.episode, scores: scores(question) }));
  const curve = curveOf(scored.map(({ episode, scores }) => profileOf(episode, scores)));
  return {
    summary,
    ...measure(
      test.map(({ episode }) => episode),
      scored.map(({ episode, scores }) => outcomeAt(episode, scores, kappa)),
    ),
    costAtEqualCoverage: costAtCoverage(curve, coverage),
    curve,
  };
}

/** 1 - P(a right answer is among those so far | observation), by round, from a logistic scorer. */
function fitDoubt(episodes: readonly Episode[], scaling: ReturnType<typeof scalingOf>) {
  const labels = episodes.flatMap(({ nodes }) => {
    let seen = false;
    return nodes.map(({ leaves }) => {
      seen ||= leaves.some((leaf) => leaf?.right);
      return seen;
    });
  });
  const probability = fitLogistic(inputsOf(episodes, scaling), scaling.mean.length, labels);
  return (episode: Episode): number[] => Array.from(probability(inputsOf([episode], scaling)), (right) => 1 - right);
}

const smallOutcome = ({ episode, small }: LoggedQuestion): Counted => ({
  covered: !episode.solvable || small.leaf.right,
  cost: small.cost,
  rounds: 1,
  setSize: 1,
});

/** One answer of round 1. */
function single({ episode }: LoggedQuestion, action: number): Counted {
  const at = episode.nodes.findIndex(({ leaves }) => leaves[action]);
  const cost = episode.nodes.slice(0, at + 1).reduce((sum, node) => sum + node.cost, 0);
  return {
    covered: !episode.solvable || episode.nodes[at]?.leaves[action]?.right === true,
    cost,
    rounds: 1,
    setSize: 1,
  };
}

/** Actions drawn by their probabilities, until one is an answer. */
function sampled({ episode }: LoggedQuestion, pi: Float64Array, seed: number): Counted {
  const actions = actionsOf(episode);
  const random = randomFrom(fnv1a(`${seed} ${episode.qid}`));
  let cost = 0;
  for (let at = 0; ; ) {
    const node = episode.nodes[at] as Episode['nodes'][number];
    const action = drawIndex(pi.subarray(at * actions, (at + 1) * actions), random);
    cost += node.cost;
    const leaf = node.leaves[action];
    if (leaf) return { covered: !episode.solvable || leaf.right, cost, rounds: node.round, setSize: 1 };
    at = node.children[action] as number;
  }
}

/** The online threshold, over the calibration questions and on through the test. */
function onlineOutcomes(
  { calib, test }: Splits,
  alpha: number,
  scores: (question: LoggedQuestion) => Float64Array,
): Counted[] {
  let kappa = 1 / 3;
  return [...calib, ...test]
    .map((question, i) => {
      const own = scores(question);
      const outcome = outcomeAt(question.episode, own, kappa);
      kappa = nextThreshold(kappa, !outcome.covered, alpha, stepSize(onlineDefaults, i + 1));
      return outcome;
    })
    .slice(calib.length);
}
