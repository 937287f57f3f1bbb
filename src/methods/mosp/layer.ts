import type { Mask } from '../../linalg/index.ts';
import { type LayerEngine, layerError } from './engine.ts';
import { patternOf, type Sparsity } from './pattern.ts';
import type { WeightSets } from './preference.ts';
import { type Floats, intoScale, outOfScale, type ScaledMoment, scaleMoment, sumOf } from './problem.ts';
import { type PrimarySolution, type ScaledProblem, type Supported, splitDual, splitTask } from './splitting.ts';

export interface LayerOptions {
  readonly sparsity: Sparsity;
  /** The share of every support that all objectives have in common. */
  readonly alpha: number;
  /** Iterations of conjugate gradients. */
  readonly refinements: number;
  /** Take the weights of stage 1, refitted, where they are better on an objective than those of stage 2. */
  readonly guard: boolean;
  readonly rho?: number;
}

export const layerDefaults = { alpha: 0.5, refinements: 10, guard: false } as const;

/** What the objectives' inputs of a group of matrices are, made once for all of them. */
export interface GroupInputs {
  /** X_i^T X_i [in, in], by objective. */
  readonly moments: readonly Floats[];
  /** X^T X of all inputs. */
  readonly sum: Floats;
  readonly shared: PreparedMoment;
  readonly own: readonly PreparedMoment[];
}

export interface PreparedMoment extends ScaledMoment {
  readonly inverse: (rho: number) => Promise<Floats>;
}

/** Scales the second moments of a group of matrices that read one input: the objectives' own, and that of all inputs. */
export function prepareGroup(engine: LayerEngine, moments: readonly Floats[], sum = sumOf(moments)): GroupInputs {
  const prepare = (moment: Floats): PreparedMoment => {
    const scaled = scaleMoment(moment);
    return { ...scaled, inverse: engine.inverses(scaled.moment) };
  };
  const shared = prepare(sum);
  return { moments, sum, shared, own: moments.length === 1 && moments[0] === sum ? [shared] : moments.map(prepare) };
}

export interface Seconds {
  stage1: number;
  stage2: number;
  stage3: number;
}

export interface LayerSolution extends WeightSets {
  readonly primary?: Pick<PrimarySolution, 'iterations' | 'penalties' | 'restarts'>;
  readonly seconds: Seconds;
  readonly polished?: ReadonlyMap<string, Floats>;
  /** Errors of points by objective, by id. */
  readonly points?: Readonly<Record<string, readonly number[]>>;
}

/**
 * Prunes one matrix [out, in] for all objectives: a support with shared weights (ALPS on all inputs), within it a core,
 * and for each objective weights of its own around the core. `among` are the entries that may be kept. (MOSP, section 3)
 */
export async function pruneLayer(
  engine: LayerEngine,
  dense: Floats,
  group: GroupInputs,
  options: LayerOptions & { readonly among?: Mask },
  signal?: AbortSignal,
): Promise<LayerSolution> {
  const { alpha, sparsity, refinements, guard, rho, among } = options;
  const pattern = patternOf(sparsity, { ...dense, alpha, among });
  const seconds: Seconds = { stage1: 0, stage2: 0, stage3: 0 };
  const problemOf = async ({ moment, scale, inverse }: PreparedMoment): Promise<ScaledProblem> => {
    const scaled = intoScale(dense, scale);
    return { dense: scaled, g: await engine.product(scaled, moment), inverse, pattern };
  };
  const refit = async ({ weights, support }: Supported, { moment, scale }: PreparedMoment, { g }: ScaledProblem) =>
    outOfScale(await timed(seconds, 'stage3', engine.refine(weights, support, g, moment, refinements)), scale);

  const problem = await problemOf(group.shared);
  const core = alpha > 0;
  const found = await timed(seconds, 'stage1', splitDual(engine, problem, { rho, core, signal }));
  const shared = await refit(found, group.shared, problem);
  const unscaled = outOfScale(found.weights, group.shared.scale);
  const own: Floats[] = [];
  for (const [i, prepared] of group.own.entries()) {
    const task = await problemOf(prepared);
    const start = { weights: intoScale(unscaled, prepared.scale), support: found.support };
    const solved = await timed(seconds, 'stage2', splitTask(engine, task, start, found.core, signal));
    const candidates = [await refit(solved, prepared, task)];
    if (guard) candidates.push(await refit(start, prepared, task), shared);
    own.push(await best(engine, candidates, dense, group.moments[i] as Floats));
  }
  return { shared, own, core: found.core, scale: group.shared.scale, seconds, primary: found };
}

/** Adds the seconds of a piece of work to those of its stage. */
export async function timed<K extends string, T>(seconds: Record<K, number>, stage: K, work: Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work;
  seconds[stage] += (performance.now() - begun) / 1000;
  return result;
}

/** The weights with the least error. */
async function best(
  engine: LayerEngine,
  candidates: readonly Floats[],
  dense: Floats,
  moment: Floats,
): Promise<Floats> {
  let [least, chosen] = [Number.POSITIVE_INFINITY, candidates[0] as Floats];
  if (candidates.length === 1) return chosen;
  for (const candidate of candidates) {
    const error = await layerError(engine, candidate, dense, moment);
    if (error < least) [least, chosen] = [error, candidate];
  }
  return chosen;
}

/** Plain ALPS on one second moment: stages 1 and 3 without a core. */
export async function pruneByAlps(
  engine: LayerEngine,
  dense: Floats,
  { moment, scale, inverse }: PreparedMoment,
  { sparsity, refinements, rho, among }: Omit<LayerOptions, 'alpha' | 'guard'> & { readonly among?: Mask },
  signal?: AbortSignal,
): Promise<Floats> {
  const pattern = patternOf(sparsity, { ...dense, alpha: 0, among });
  const scaled = intoScale(dense, scale);
  const g = await engine.product(scaled, moment);
  const problem = { dense: scaled, g, inverse, pattern };
  const { weights, support } = await splitDual(engine, problem, { rho, core: false, signal });
  return outOfScale(await engine.refine(weights, support, g, moment, refinements), scale);
}
