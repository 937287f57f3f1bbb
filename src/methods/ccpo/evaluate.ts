import { permutation, randomFrom, silent, throwIfAborted, type Watch } from '../../base/index.ts';
import type { Estimate } from '../../statistics/index.ts';
import { type BaselineResult, baselinesOn } from './baselines.ts';
import { orderStatistic } from './calibration.ts';
import { type Drift, driftOver, driftWatch } from './drift.ts';
import { costInterval, curveOf, type Measured, measure, operatingAt, profileOf } from './measure.ts';
import { type PolicyFile, probabilitiesOf, refuseOtherShape } from './policy-file.ts';
import { criticalThreshold, outcomeAt, scoresOf } from './sets.ts';
import { type Log, type LoggedQuestion, questionsOf } from './trajectories.ts';

/** 'batch': certified by calibration; 'online': only the threshold of training; 'void': other models or prompts. */
export type Guarantee = 'batch' | 'online' | 'void';

/** A test question, as a line of rows.jsonl. */
export interface EvaluatedRow {
  readonly qid: string;
  /** Null when no answer is right in any round. */
  readonly kappaStar: number | null;
  readonly covered: boolean;
  readonly cost: number;
  readonly rounds: number;
  readonly setSize: number;
}

/** One redrawing of calibration and test questions. */
export interface SplitResult {
  readonly kappa: number;
  readonly coverage: number;
  readonly cost: number;
}

export interface Evaluation extends Measured {
  readonly alpha: number;
  readonly kappa: number;
  readonly guarantee: Guarantee;
  readonly costInterval: Estimate;
  readonly baselines: Readonly<Record<string, BaselineResult>>;
  readonly drift: Drift;
  readonly splits: readonly SplitResult[];
  readonly curve: readonly { readonly cost: number; readonly coverage: number }[];
  readonly items: readonly EvaluatedRow[];
}

/** A question with what the policy makes of it. */
export interface ScoredQuestion extends LoggedQuestion {
  readonly pi: Float64Array;
  readonly scores: Float64Array;
}

/** The scores of a policy on questions. */
export function scored(policy: PolicyFile, questions: readonly LoggedQuestion[]): ScoredQuestion[] {
  const all = probabilitiesOf(
    policy,
    questions.map(({ episode }) => episode),
  );
  return questions.map((question, i) => {
    const pi = all[i] as Float64Array;
    return { ...question, pi, scores: scoresOf(question.episode, pi, policy.empty_rule) };
  });
}

/** The threshold in service, and what it promises on this log. */
export function serviceOf(policy: PolicyFile, log: Pick<Log, 'modelsHash' | 'promptHash'>) {
  const kappa = policy.kappa_hat ?? policy.kappa_online;
  const isOther = policy.models_hash !== log.modelsHash || policy.prompt_hash !== log.promptHash;
  const guarantee: Guarantee = isOther ? 'void' : policy.kappa_hat === null ? 'online' : 'batch';
  return { kappa, guarantee };
}

/** The policy and every baseline on the test questions of a log. @throws CriaError when policy and log do not fit. */
export function evaluatePolicy(
  policy: PolicyFile,
  log: Log,
  { splits = 0, seed }: { readonly splits?: number; readonly seed: number },
  { progress = silent, signal }: Watch = {},
): Evaluation {
  refuseOtherShape(policy, log);
  const [calib, test] = [questionsOf(log, 'calib'), questionsOf(log, 'test')];
  const { kappa, guarantee } = serviceOf(policy, log);
  const questions = scored(policy, test);
  const episodes = test.map(({ episode }) => episode);
  const outcomes = questions.map(({ episode, scores }) => outcomeAt(episode, scores, kappa));
  const measured = measure(episodes, outcomes);
  progress.step('baselines', 0, 1, 'runs');
  const rival = { costs: outcomes.map(({ cost }) => cost), coverage: measured.coverage.value };
  const train = log.questions.filter(({ split }) => split === 'train');
  const baselines = baselinesOn({ train, calib, test }, policy.alpha, rival, seed, signal);
  progress.step('baselines', 1, 1, 'runs');
  const profiles = questions.map(({ episode, scores }) => profileOf(episode, scores));
  const pooled = [...scored(policy, calib).map(({ episode, scores }) => profileOf(episode, scores)), ...profiles];
  return {
    ...measured,
    ...{ alpha: policy.alpha, kappa, guarantee, baselines },
    costInterval: costInterval(outcomes, seed),
    drift: driftOver(
      outcomes.map(({ covered }) => !covered),
      driftWatch(policy.alpha),
    ),
    splits: redrawn(pooled, calib.length, splits, policy.alpha, seed, signal),
    curve: curveOf(profiles),
    items: questions.map(({ episode, scores }, i) => {
      const critical = criticalThreshold(episode, scores);
      const { covered, cost, rounds, setSize } = outcomes[i] as (typeof outcomes)[number];
      const kappaStar = Number.isFinite(critical) ? critical : null;
      return { qid: episode.qid, kappaStar, covered, cost, rounds, setSize };
    }),
  };
}

/** Calibration and test drawn anew `count` times from all of them together, the policy as it is. */
function redrawn(
  pooled: ReturnType<typeof profileOf>[],
  calibrationRows: number,
  count: number,
  alpha: number,
  seed: number,
  signal: AbortSignal | undefined,
): SplitResult[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => {
    throwIfAborted(signal);
    const order = [...permutation(pooled.length, random)].map((i) => pooled[i] as (typeof pooled)[number]);
    const critical = order.slice(0, calibrationRows).map((profile) => profile.critical);
    const { kappa } = orderStatistic(critical, alpha);
    return { kappa, ...operatingAt(order.slice(calibrationRows), kappa) };
  });
}
