import { join } from 'node:path';
import type { Watch } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { type BlockStore, openBlockStore } from './block-store.ts';
import { pruneBlocks, type Solver, type StageSeconds } from './blocks.ts';
import type { LayerEngine } from './engine.ts';
import { evaluatedBaselines } from './front.ts';
import type { Target } from './matrices.ts';
import type { Windows } from './objectives.ts';
import type { BaselineName, PruneOptions } from './options.ts';
import { baselineSolver, mospSolver, type SolverOptions } from './solvers.ts';
import { openStreams } from './streams.ts';

/** What all runs over the blocks share. */
export interface SweepContext {
  readonly model: LoadedModel;
  readonly blocks: readonly (readonly Target[])[];
  readonly calibration: readonly Windows[];
  readonly options: PruneOptions;
  readonly engine: LayerEngine;
  /** Where finished blocks are kept. */
  readonly folder: string;
  readonly watch: Watch;
}

/** A baseline that has been run: by objective where each has weights of its own. */
export interface BaselineRun {
  readonly name: BaselineName;
  /** The objective that it was pruned for; undefined for all together. */
  readonly objective?: string;
  readonly store: BlockStore;
  readonly seconds: number;
}

/** Prunes for all objectives. */
export async function sweepMosp(
  context: SweepContext,
  settings: Pick<SolverOptions, 'power' | 'polish' | 'measure'>,
): Promise<{ store: BlockStore; seconds: StageSeconds }> {
  const { calibration, engine, options, watch } = context;
  const names = calibration.map(({ name }) => name);
  const solve = mospSolver(engine, { ...options, ...settings }, watch.signal);
  return sweep(context, 'mosp', calibration, solve, names);
}

/** Prunes once for each baseline, and for each objective once where each has weights of its own. */
export async function sweepBaselines(context: SweepContext, names: readonly BaselineName[]): Promise<BaselineRun[]> {
  const runs: BaselineRun[] = [];
  for (const name of evaluatedBaselines(names)) {
    if (name !== 'alps-per-task') {
      const { store, seconds } = await sweepBaseline(context, name);
      runs.push({ name, store, seconds: totalOf(seconds) });
      continue;
    }
    for (const windows of context.calibration) {
      const { store, seconds } = await sweepBaseline(context, 'alps', `${name}-${windows.name}`, [windows]);
      runs.push({ name, objective: windows.name, store, seconds: totalOf(seconds) });
    }
  }
  return runs;
}

/** Prunes by one method for all calibration data together. */
export function sweepBaseline(
  context: SweepContext,
  method: Exclude<BaselineName, 'alps-per-task'>,
  label: string = method,
  calibration = context.calibration,
): Promise<{ store: BlockStore; seconds: StageSeconds }> {
  return sweep(context, label, calibration, baselineSolver(context.engine, method, context.watch.signal), []);
}

const totalOf = ({ capture, stage1, stage2, stage3 }: StageSeconds): number => capture + stage1 + stage2 + stage3;

async function sweep(
  { model, blocks, options, engine, folder, watch }: SweepContext,
  label: string,
  calibration: readonly Windows[],
  solve: Solver,
  objectives: readonly string[],
): Promise<{ store: BlockStore; seconds: StageSeconds }> {
  const { capture, propagate, reprune } = options;
  const store = openBlockStore(join(folder, label), blocks, objectives);
  const own = join(folder, label, 'hidden');
  const streams = openStreams(model, calibration, own);
  const ownStreams =
    propagate === 'task' && objectives.length > 1 ? openStreams(model, calibration, `${own}-own`) : undefined;
  try {
    const seconds = await pruneBlocks({
      ...{ label: `pruning (${label})`, checkpoint: model.checkpoint, blocks, streams, ownStreams },
      ...{ capture, propagate, reprune, engine, solve, store, ...watch },
    });
    return { store, seconds };
  } finally {
    await streams.dispose();
    await ownStreams?.dispose();
  }
}
