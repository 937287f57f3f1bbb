import { throwIfAborted } from '../../base/index.ts';
import { countDifferent, type Mask, masked } from '../../linalg/index.ts';
import type { LayerEngine } from './engine.ts';
import type { Pattern } from './pattern.ts';
import { nextPenalty, type Penalty, penaltyDefaults } from './penalty.ts';
import type { Floats } from './problem.ts';

/** A problem in the scaled space: min tr((W - What) H (W - What)^T) over W of a pattern. */
export interface ScaledProblem {
  /** What [out, in]. */
  readonly dense: Floats;
  /** What H. */
  readonly g: Floats;
  /** rho -> (H + rho I)^-1. */
  readonly inverse: (rho: number) => Promise<Floats>;
  readonly pattern: Pattern;
}

/** Weights of which the entries outside the support are zero. */
export interface Supported {
  readonly weights: Floats;
  readonly support: Mask;
}

/** What the first stage found. */
export interface PrimarySolution extends Supported {
  /** Within the support: what the weights of every objective keep. */
  readonly core: Mask;
  readonly iterations: number;
  /** The penalty of every iteration. */
  readonly penalties: readonly number[];
  readonly restarts: number;
}

export interface SplittingOptions {
  readonly rho?: number;
  /** Solve the nested problem of the core beside the primary one. Without it the core is empty. */
  readonly core: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Stage 1: the dual splitting for a support and, within it, a core, with growing penalties. Both share the inverse, so an
 * iteration is one product. Without a core it is ALPS. (MOSP, algorithm 1; Meng et al. 2024, algorithm 1)
 */
export async function splitDual(
  engine: LayerEngine,
  { dense, g, inverse, pattern }: ScaledProblem,
  { rho = penaltyDefaults.rho, core: hasCore, signal }: SplittingOptions,
): Promise<PrimarySolution> {
  const size = dense.data.length;
  const problems = hasCore ? 2 : 1;
  const kept = new Uint8Array(problems * size);
  const support = kept.subarray(0, size);
  const rooms = [new Float32Array(kept.length), new Float32Array(kept.length)] as const;
  const project = (a: Float32Array) => {
    support.set(pattern.project(a.subarray(0, size)));
    if (hasCore) kept.set(pattern.core(a.subarray(size), support), size);
  };
  let a = rooms[0];
  // the first iteration gives the dense weights themselves, because V is 0 and D is What
  const begin = () => {
    a = rooms[0];
    for (let problem = 0; problem < problems; problem++) a.set(dense.data, problem * size);
    project(a);
  };
  begin();
  let seen = support.slice();
  let penalty: Penalty = { rho, grown: false };
  let before = rho;
  let restarts = 0;
  const penalties = [rho];
  for (let iteration = 2; iteration <= penaltyDefaults.mostIterations; iteration++) {
    throwIfAborted(signal);
    const into = a === rooms[0] ? rooms[1] : rooms[0];
    await engine.split({ a, kept }, g, await inverse(penalty.rho), { before, now: penalty.rho }, into);
    a = into;
    before = penalty.rho;
    penalties.push(penalty.rho);
    project(a);
    if (iteration % penaltyDefaults.every !== 0) continue;
    const { next, ...grown } = nextPenalty(penalty, countDifferent(support, seen), pattern.kept, iteration);
    if (next === 'stop') break;
    penalty = grown;
    if (next === 'restart') {
      begin();
      before = penalty.rho;
      restarts++;
    }
    seen = support.slice();
  }
  const core = hasCore ? kept.slice(size) : new Uint8Array(size);
  const weights = { ...dense, data: masked(a.subarray(0, size), support) };
  return { weights, support: support.slice(), core, iterations: penalties.length, penalties, restarts };
}

export const taskRho = 0.5;
export const taskIterations = 10;

/**
 * Stage 2: the splitting for one objective from the weights of stage 1, whose core stays, with a fixed penalty.
 * (MOSP, algorithm 2)
 */
export async function splitTask(
  engine: LayerEngine,
  { dense, g, inverse, pattern }: ScaledProblem,
  start: Supported,
  core: Mask,
  signal?: AbortSignal,
): Promise<Supported> {
  const inverted = await inverse(taskRho);
  const rho = { before: taskRho, now: taskRho };
  const project = pattern.projectAround(core);
  let a = start.weights.data;
  let kept = start.support;
  for (let iteration = 0; iteration < taskIterations; iteration++) {
    throwIfAborted(signal);
    const into = new Float32Array(a.length);
    await engine.split({ a, kept }, g, inverted, rho, into);
    a = into;
    kept = project(a);
  }
  return { weights: { ...dense, data: masked(a, kept) }, support: kept };
}
