import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError } from '../../base/index.ts';
import { readJson } from '../../data/index.ts';
import type { Episode } from './episode.ts';
import { parameterCount } from './network.ts';
import { inputsOf, policyOf } from './policy-network.ts';
import { mostRounds } from './rounds.ts';
import { type EmptyRule, emptyRules } from './sets.ts';

/** A policy as plain data: anyone can compute its scores from an observation (specification, section 2). */
export interface PolicyFile {
  readonly format: 'ccpo-policy/1';
  readonly alpha: number;
  /** Decisions on the longest way. */
  readonly T: number;
  /** Every call is a decision of its own; absent: every round is. */
  readonly ladder?: boolean;
  readonly actions: readonly string[];
  readonly features: readonly { readonly name: string; readonly mean: number; readonly std: number }[];
  readonly mlp: { readonly sizes: readonly number[]; readonly act: 'tanh'; readonly weights_b64_f32le: string };
  readonly estimator: 'exact' | 'vtrace';
  readonly lambda: number;
  readonly eps: number;
  /** The threshold at the end of training: no certificate. */
  readonly kappa_online: number;
  /** The certified threshold; null before calibration. */
  readonly kappa_hat: number | null;
  readonly calib: Calibration | null;
  readonly empty_rule: EmptyRule;
  readonly models_hash: string;
  readonly prompt_hash: string;
  /** Divides rows without a split. */
  readonly split_seed?: number;
}

export interface Calibration {
  readonly n: number;
  readonly k: number;
  readonly date: string;
  readonly solvable_rate: number;
  readonly data_hash: string;
}

const mostParameters = 50_000_000;

/** Reads a policy: `policy.json` or the folder that holds it. @throws CriaError when it is not one. */
export function readPolicy(path: string): PolicyFile {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const file = isFolder ? join(path, 'policy.json') : path;
  const value = readJson(file) as PolicyFile;
  const wrong = (what: string) =>
    new CriaError(`is not a policy: ${what}`, { where: file, remedy: 'make one with cria route train' });
  if (value?.format !== 'ccpo-policy/1') throw wrong('its format is not ccpo-policy/1');
  const { actions, features, mlp } = value;
  const sizes = mlp?.sizes;
  if (!Array.isArray(sizes) || sizes.length < 2 || !sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw wrong('mlp.sizes is not a list of sizes');
  }
  if (!Array.isArray(features) || features.length !== sizes[0]) throw wrong('features and mlp.sizes disagree');
  if (!Array.isArray(actions) || actions.length !== sizes.at(-1)) throw wrong('actions and mlp.sizes disagree');
  if (features.some((each) => !Number.isFinite(each?.mean) || !(each.std > 0)))
    throw wrong('a feature has no mean and std');
  if (!(Number.isSafeInteger(value.T) && value.T > 0 && value.T <= 2 * mostRounds)) throw wrong(`its T is ${value.T}`);
  if (mlp.act !== 'tanh') throw wrong(`its activation is ${mlp.act}`);
  if (!emptyRules.includes(value.empty_rule)) throw wrong(`its empty_rule is ${value.empty_rule}`);
  if (!(value.alpha > 0 && value.alpha < 1)) throw wrong('alpha does not lie between 0 and 1');
  if (!(value.kappa_hat === null || Number.isFinite(value.kappa_hat))) throw wrong('kappa_hat is not a number');
  if (!Number.isFinite(value.kappa_online)) throw wrong('kappa_online is not a number');
  const count = parameterCount(sizes);
  if (count > mostParameters) throw wrong(`it has ${count} parameters`);
  const weights = Buffer.from(String(mlp.weights_b64_f32le), 'base64');
  if (weights.length !== 4 * count) throw wrong(`its weights have ${weights.length} bytes instead of ${4 * count}`);
  if (!decodedWeights(value).every(Number.isFinite)) throw wrong('a weight is not finite');
  return value;
}

/** Weights as base64 of float32, little-endian: layer after layer W row by row, then the bias. */
export function encodedWeights(parameters: Float64Array): string {
  const bytes = Buffer.alloc(parameters.length * 4);
  for (const [i, value] of parameters.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}

function decodedWeights({ mlp }: PolicyFile): Float64Array {
  const bytes = Buffer.from(mlp.weights_b64_f32le, 'base64');
  return Float64Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}

/** The action probabilities of questions under a policy, in float64: by question [nodes, actions]. */
export function probabilitiesOf(policy: PolicyFile, episodes: readonly Episode[]): Float64Array[] {
  const network = { sizes: policy.mlp.sizes, parameters: decodedWeights(policy) };
  const scaling = { mean: policy.features.map(({ mean }) => mean), std: policy.features.map(({ std }) => std) };
  const results: Float64Array[] = [];
  for (let begin = 0; begin < episodes.length; begin += episodesAtOnce) {
    const some = episodes.slice(begin, begin + episodesAtOnce);
    results.push(...policyOf(network, some, inputsOf(some, scaling)).pi);
  }
  return results;
}

const episodesAtOnce = 512;

/** @throws CriaError when a policy does not fit the observations or the actions of a log. */
export function refuseOtherShape(policy: PolicyFile, log: { features: readonly string[]; actions: readonly string[] }) {
  const remedy = 'train a policy on this log, or take the log that it was trained on';
  if (policy.features.length !== log.features.length) {
    const what = `the policy reads ${policy.features.length} numbers and the log has ${log.features.length} in obs`;
    throw new CriaError(what, { remedy });
  }
  if (policy.actions.length !== log.actions.length) {
    throw new CriaError(`the policy knows ${policy.actions.join(', ')} and the log ${log.actions.join(', ')}`, {
      remedy,
    });
  }
}
