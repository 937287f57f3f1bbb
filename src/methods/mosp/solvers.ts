import { support } from '../../linalg/index.ts';
import { pruneByMagnitude, pruneByWanda } from './baselines.ts';
import type { Solver } from './blocks.ts';
import { type LayerEngine, layerError } from './engine.ts';
import { type LayerSolution, layerDefaults, pruneByAlps, pruneLayer, timed } from './layer.ts';
import type { BaselineName, PruneOptions } from './options.ts';
import { patternOf } from './pattern.ts';
import { isUniform, merged, onlyObjective, type Preference, preferenceId } from './preference.ts';
import { type Floats, intoScale, outOfScale, scaleMoment } from './problem.ts';
import { pruneBySparseGpt } from './sparsegpt.ts';

export interface SolverOptions extends Pick<PruneOptions, 'alpha' | 'guard'> {
  readonly power: number;
  /** Preferences whose points are refined on their own support, and stored. */
  readonly polish: readonly Preference[];
  /** Preferences whose points' errors are measured. */
  readonly measure: readonly Preference[];
}

const refinements = layerDefaults.refinements;

/** Prunes for all objectives by MOSP. */
export function mospSolver(engine: LayerEngine, options: SolverOptions, signal?: AbortSignal): Solver {
  return async ({ rows, columns, sparsity }, dense, group, among) => {
    const { alpha, guard, power } = options;
    const solved = await pruneLayer(engine, dense, group, { alpha, guard, sparsity, refinements, among }, signal);
    const pattern = patternOf(sparsity, { rows, columns, alpha, among });
    const mixed = (preference: Preference) => !isUniform(preference) && onlyObjective(preference) === undefined;
    const polished = new Map<string, Floats>();
    for (const preference of options.polish.filter(mixed)) {
      const point = merged(solved, pattern, preference, power);
      polished.set(preferenceId(preference), await polish(engine, point, dense, group.moments, preference));
    }
    const points: Record<string, number[]> = {};
    for (const preference of options.measure.filter(mixed)) {
      const id = preferenceId(preference);
      const point = polished.get(id) ?? merged(solved, pattern, preference, power);
      const errors: number[] = [];
      for (const moment of group.moments) errors.push(await layerError(engine, point, dense, moment));
      points[id] = errors;
    }
    return { ...solved, polished, points };
  };
}

/** Conjugate gradients on a point's own support, with the second moments weighted by its preference. */
async function polish(
  engine: LayerEngine,
  point: Floats,
  dense: Floats,
  moments: readonly Floats[],
  preference: Preference,
): Promise<Floats> {
  const [first] = moments as readonly [Floats];
  const data = first.data.map((_, at) =>
    moments.reduce((sum, moment, i) => sum + (preference[i] as number) * (moment.data[at] as number), 0),
  );
  const { moment, scale } = scaleMoment({ ...first, data });
  const g = await engine.product(intoScale(dense, scale), moment);
  const start = intoScale(point, scale);
  return outOfScale(await engine.refine(start, support(point.data), g, moment, refinements), scale);
}

/** Prunes by one of the methods that give one set of weights for all calibration data. */
export function baselineSolver(
  engine: LayerEngine,
  method: Exclude<BaselineName, 'alps-per-task'>,
  signal?: AbortSignal,
): Solver {
  return async ({ sparsity }, dense, group, among): Promise<LayerSolution> => {
    const prune = {
      magnitude: async () => pruneByMagnitude(dense, sparsity, among),
      wanda: async () => pruneByWanda(dense, group.sum, sparsity, among),
      sparsegpt: () => pruneBySparseGpt(engine, dense, group.sum, sparsity, { among, signal }),
      alps: () => pruneByAlps(engine, dense, group.shared, { sparsity, refinements, among }, signal),
    };
    const seconds = { stage1: 0, stage2: 0, stage3: 0 };
    const shared = await timed(seconds, 'stage1', prune[method]());
    return { shared, own: [], core: new Uint8Array(dense.data.length), scale: group.shared.scale, seconds };
  };
}
