import type { Watch } from '../../base/index.ts';
import { calibratedThreshold, refuseLevel } from './calibration.ts';
import { scored } from './evaluate.ts';
import { trainExact } from './exact-training.ts';
import { encodedWeights, type PolicyFile, refuseOtherShape } from './policy-file.ts';
import { criticalThreshold, type EmptyRule } from './sets.ts';
import type { TrainingStep } from './training.ts';
import { type Log, questionsOf } from './trajectories.ts';
import { trainVtrace } from './vtrace-training.ts';

/** What `route train` is told. */
export interface PolicyOptions {
  readonly alpha: number;
  readonly estimator: 'exact' | 'vtrace';
  readonly lambda: number;
  readonly emptyRule: EmptyRule;
  readonly steps: number | undefined;
  readonly batch: number | undefined;
  /** Sizes of the hidden layers; empty for the defaults. */
  readonly hidden: readonly number[];
  readonly seed: number;
}

/** What is not given, by estimator. */
const policyDefaults = {
  exact: { steps: 2000, batch: 32, hidden: [64, 64, 64] },
  vtrace: { steps: 400, batch: 128, hidden: [32, 32] },
} as const;

const trainers = { exact: trainExact, vtrace: trainVtrace };

/** Trains a policy on the training rows of a log. It has no certificate yet. */
export async function trainPolicy(
  log: Log,
  options: PolicyOptions,
  watch: Watch = {},
): Promise<{ policy: PolicyFile; history: readonly TrainingStep[] }> {
  const { alpha, estimator, lambda, emptyRule: rule, seed } = options;
  refuseLevel(alpha);
  const episodes = questionsOf(log, 'train').map(({ episode }) => episode);
  const { steps, batch, hidden } = policyDefaults[estimator];
  const settings = {
    ...{ alpha, lambda, rule, seed },
    steps: options.steps ?? steps,
    batch: options.batch ?? batch,
    hidden: options.hidden.length > 0 ? options.hidden : hidden,
  };
  const { network, scaling, kappa, eps, history } = await trainers[estimator](episodes, settings, watch);
  const policy: PolicyFile = {
    format: 'ccpo-policy/1',
    alpha,
    T: log.horizon,
    ...(log.ladder && { ladder: true }),
    actions: log.actions,
    features: log.features.map((name, i) => ({
      name,
      mean: scaling.mean[i] as number,
      std: scaling.std[i] as number,
    })),
    mlp: { sizes: network.sizes, act: 'tanh', weights_b64_f32le: encodedWeights(network.parameters) },
    estimator,
    lambda,
    eps,
    kappa_online: kappa,
    kappa_hat: null,
    calib: null,
    empty_rule: rule,
    models_hash: log.modelsHash,
    prompt_hash: log.promptHash,
    split_seed: seed,
  };
  return { policy, history };
}

/**
 * The policy with the threshold that the calibration rows of a log certify.
 * @throws CriaError when they are too few for alpha, or the policy does not fit the log.
 */
export function calibratePolicy(
  policy: PolicyFile,
  log: Log,
  { alpha, date, dataHash }: { readonly alpha: number; readonly date: string; readonly dataHash: string },
): PolicyFile {
  refuseLevel(alpha);
  refuseOtherShape(policy, log);
  const questions = scored(policy, questionsOf(log, 'calib'));
  const critical = questions.map(({ episode, scores }) => criticalThreshold(episode, scores));
  const { kappa, k } = calibratedThreshold(critical, alpha);
  const solvable = questions.filter(({ episode }) => episode.solvable).length;
  return {
    ...policy,
    alpha,
    kappa_hat: kappa,
    calib: { n: questions.length, k, date, solvable_rate: solvable / questions.length, data_hash: dataHash },
    models_hash: log.modelsHash,
    prompt_hash: log.promptHash,
  };
}
