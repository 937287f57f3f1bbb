import { fnv1a, randomFrom } from '../../base/index.ts';
import { type Estimate, mean, pairedDifference } from '../../statistics/index.ts';
import { orderStatistic } from './calibration.ts';
import { trainCpo } from './cpo.ts';
import { drawWalk } from './draw.ts';
import { actionsOf, type Episode } from './episode.ts';
import { fitLogistic } from './logistic.ts';
import { type Counted, costsAtCoverage, curveOf, type Measured, measure, profileOf } from './measure.ts';
import { nextThreshold, stepSize } from './online.ts';
import { inputsOf, policyOf, scalingOf } from './policy-network.ts';
import { criticalThreshold, outcomeAt, scoresOf } from './sets.ts';
import type { LoggedQuestion } from './trajectories.ts';

/** A baseline on the test questions. */
export interface BaselineResult extends Measured {
  readonly summary: string;
  /** Its spend where its coverage equals the policy's; null where it has no threshold or never gets there. */
  readonly costAtEqualCoverage: number | null;
  /** The policy's cost minus that, with the 95% interval of paired questions (BCa); null where that is. */
  readonly policyMinus: Estimate | null;
  /** Cost and coverage at its thresholds, for the report. */
  readonly curve: readonly { readonly cost: number; readonly coverage: number }[];
}

interface Splits {
  readonly train: readonly LoggedQuestion[];
  readonly calib: readonly LoggedQuestion[];
  readonly test: readonly LoggedQuestion[];
}

/** The policy on the test questions: what baselines are compared with. */
interface Rival {
  readonly costs: readonly number[];
  readonly coverage: number;
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
  rival: Rival,
  seed: number,
  signal?: AbortSignal,
): Record<string, BaselineResult> {
  const { test } = splits;
  const episodes = test.map(({ episode }) => episode);
  const fixed: Fixed = (summary, of) => ({
    summary,
    ...measure(episodes, test.map(of)),
    ...{ costAtEqualCoverage: null, policyMinus: null, curve: [] },
  });
  const ruled: Ruled = (summary, rule) =>
    thresholded(summary, splits, alpha, rival, (question) => depthScores(question.episode, rule(question)));
  const results: Record<string, BaselineResult | undefined> = {
    'always-small': fixed('the cheapest model answers once, alone', ({ episode, small }) => alone(episode, small)),
    'always-large': fixed('the dearest model answers once, alone', ({ episode, large }) => alone(episode, large)),
    'always-deep': fixed('every round is run', ({ episode }) => ruledBy(episode, Array(episode.nodes.length).fill(1))),
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
    ...(splits.train.length > 0 ? trained(splits, alpha, rival, seed, fixed, ruled, signal) : {}),
  };
  return Object.fromEntries(
    Object.entries(results).filter((entry): entry is [string, BaselineResult] => entry[1] !== undefined),
  );
}

type Fixed = (summary: string, of: (question: LoggedQuestion) => Counted) => BaselineResult;
type Ruled = (summary: string, rule: GoOn) => BaselineResult;

/** Those that follow the guide's judgement, where it was logged. */
function judged(test: readonly LoggedQuestion[], fixed: Fixed): Record<string, BaselineResult> {
  if (!test.every(({ signals }) => signals.some(({ judge }) => judge !== undefined))) return {};
  return {
    'llm-policy': fixed('the guide decides in round 1: yes takes the base, no its own answer', atFirstJudgement),
    exit: fixed('rounds go on until the guide says yes', ({ episode, signals }) =>
      ruledBy(
        episode,
        signals.map(({ judge }) => (judge === 'yes' ? -1 : 1)),
      ),
    ),
  };
}

/** Those that learn from the training questions. */
function trained(
  splits: Splits,
  alpha: number,
  rival: Rival,
  seed: number,
  fixed: Fixed,
  ruled: Ruled,
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
    cpo: fixed('constrained policy optimisation, one answer', (question) => sampled(question, piOf(question), seed)),
    'cpo-batch': thresholded('its policy, with sets calibrated afterwards', splits, alpha, rival, scores),
    'cpo-online': fixed('its policy, with the online threshold', onlineOutcomes(splits, alpha, scores)),
  };
}

/** The scores of a rule that only decides how deep it goes: leaves have that of the way to them. */
function depthScores(episode: Episode, goOn: readonly number[]): Float64Array {
  const actions = actionsOf(episode);
  const pi = new Float64Array(episode.nodes.length * actions).fill(Infinity);
  for (const i of episode.nodes.keys()) pi[(i + 1) * actions - 1] = goOn[i] as number;
  return scoresOf(episode, pi, 'abstain');
}

/** What a rule makes of a question that goes on where it gives more than 0. */
const ruledBy = (episode: Episode, goOn: readonly number[]): Counted =>
  outcomeAt(episode, depthScores(episode, goOn), 0);

function thresholded(
  summary: string,
  { calib, test }: Splits,
  alpha: number,
  rival: Rival,
  scores: (question: LoggedQuestion) => Float64Array,
): BaselineResult {
  const critical = calib.map((question) => criticalThreshold(question.episode, scores(question)));
  const { kappa } = orderStatistic(critical, alpha);
  const scored = test.map((question) => ({ episode: question.episode, scores: scores(question) }));
  const profiles = scored.map(({ episode, scores }) => profileOf(episode, scores));
  const curve = curveOf(profiles);
  const own = costsAtCoverage(profiles, curve, rival.coverage);
  return {
    summary,
    ...measure(
      test.map(({ episode }) => episode),
      scored.map(({ episode, scores }) => outcomeAt(episode, scores, kappa)),
    ),
    costAtEqualCoverage: own && mean(own),
    policyMinus: own && pairedDifference(rival.costs, own, { resamples: 2000 }),
    curve,
  };
}

/** 1 - P(a right answer is among those so far | observation), by round, from a logistic scorer. */
function fitDoubt(episodes: readonly Episode[], scaling: ReturnType<typeof scalingOf>) {
  const labels = episodes.flatMap(({ nodes }) => {
    const first = nodes.findIndex(({ leaves }) => leaves.some((leaf) => leaf?.right));
    return nodes.map((_, i) => first >= 0 && i >= first);
  });
  const probability = fitLogistic(inputsOf(episodes, scaling), scaling.mean.length, labels);
  return (episode: Episode): number[] => Array.from(probability(inputsOf([episode], scaling)), (right) => 1 - right);
}

/** One answer, for its own spend. */
const alone = (episode: Episode, { leaf, cost }: LoggedQuestion['small']): Counted => ({
  covered: !episode.solvable || leaf.right,
  ...{ cost, rounds: 1, setSize: 1 },
});

/** The answer that the guide's first judgement names: everything until then is paid. */
function atFirstJudgement({ episode, signals }: LoggedQuestion): Counted {
  const at = signals.findIndex(({ judge }) => judge !== undefined);
  const cost = episode.nodes.slice(0, at + 1).reduce((sum, node) => sum + node.cost, 0);
  const leaf = episode.nodes[at]?.leaves[signals[at]?.judge === 'yes' ? 0 : 1];
  return { covered: !episode.solvable || leaf?.right === true, ...{ cost, rounds: 1, setSize: 1 } };
}

/** The answer of actions drawn by their probabilities. */
function sampled({ episode }: LoggedQuestion, pi: Float64Array, seed: number): Counted {
  const { nodes, actions } = drawWalk(episode, pi, randomFrom(fnv1a(`${seed} ${episode.qid}`)));
  const cost = nodes.reduce((sum, node) => sum + (episode.nodes[node]?.cost ?? 0), 0);
  const last = episode.nodes[nodes.at(-1) as number];
  const leaf = last?.leaves[actions.at(-1) as number];
  return { covered: !episode.solvable || leaf?.right === true, cost, rounds: last?.round ?? 1, setSize: 1 };
}

/** The online threshold, over the calibration questions and on through the test. */
function onlineOutcomes(
  { calib, test }: Splits,
  alpha: number,
  scores: (question: LoggedQuestion) => Float64Array,
): (question: LoggedQuestion) => Counted {
  let kappa = 1 / 3;
  const outcomes = new Map(
    [...calib, ...test].map((question, i) => {
      const outcome = outcomeAt(question.episode, scores(question), kappa);
      kappa = nextThreshold(kappa, !outcome.covered, alpha, stepSize(i + 1));
      return [question, outcome];
    }),
  );
  return (question) => outcomes.get(question) as Counted;
}
