import { groupBy, throwIfAborted, type Watch } from '../../base/index.ts';
import type { Checkpoint } from '../../checkpoint/index.ts';
import { countKept, type Mask, support } from '../../linalg/index.ts';
import type { InputPath } from '../../model/index.ts';
import type { BlockStore } from './block-store.ts';
import { type LayerEngine, layerError } from './engine.ts';
import type { GroupInputs, LayerSolution, Seconds } from './layer.ts';
import { prepareGroup, timed } from './layer.ts';
import type { Target } from './matrices.ts';
import type { Capture, Propagation } from './options.ts';
import { type Floats, sumOf } from './problem.ts';
import type { BlockWeights, Streams } from './streams.ts';
import { type PrunedMatrix, roundedTo } from './weight-sets.ts';

/** What was found out about one matrix: a line of layers.jsonl. Errors and energies are by objective. */
export interface MatrixReport {
  readonly matrix: string;
  readonly kept: number;
  readonly size: number;
  readonly core: number;
  readonly iterations?: number;
  /** tr(What H_i What^T): of what errors are shares. */
  readonly energy: readonly number[];
  /** f_i of the shared weights. */
  readonly shared: readonly number[];
  /** f_i of each objective's own weights: own[j][i]. */
  readonly own: readonly (readonly number[])[];
  /** The share of the support of each objective's own weights that the shared ones have too. */
  readonly overlap: readonly number[];
  /** f_i of points, where they were measured. */
  readonly points?: Readonly<Record<string, readonly number[]>>;
}

export type StageSeconds = Seconds & { capture: number };

/** The pruned matrices of a block with what was found out about them. */
export interface PrunedBlock {
  readonly matrices: readonly PrunedMatrix[];
  readonly reports: readonly MatrixReport[];
  readonly seconds: StageSeconds;
}

/** Prunes one matrix; `own` may be empty, where there is one set of weights for all objectives. */
export type Solver = (
  target: Target,
  dense: Floats,
  group: GroupInputs,
  among: Mask | undefined,
) => Promise<LayerSolution>;

/** What a run over the blocks of a model is made of. */
export interface BlockRun extends Watch {
  readonly label: string;
  readonly checkpoint: Checkpoint;
  readonly blocks: readonly (readonly Target[])[];
  readonly streams: Streams;
  /** The same windows, of which each objective's goes through its own weights: with `task` alone. */
  readonly ownStreams?: Streams;
  readonly capture: Capture;
  readonly propagate: Propagation;
  readonly reprune: boolean;
  readonly engine: LayerEngine;
  readonly solve: Solver;
  readonly store: BlockStore;
}

/**
 * Prunes block after block. A block that the store holds from an earlier run is taken from there: its weights are those that
 * the next block's inputs were made with, so that a resumed run gives the same bytes.
 */
export async function pruneBlocks(run: BlockRun): Promise<StageSeconds> {
  const { blocks, streams, ownStreams, store, progress, signal, label } = run;
  const total: StageSeconds = { capture: 0, stage1: 0, stage2: 0, stage3: 0 };
  for (const [layer, targets] of blocks.entries()) {
    throwIfAborted(signal);
    progress?.step(label, layer, blocks.length, 'blocks');
    let done = store.read(layer);
    if (!done) {
      done = await pruneBlock(run, targets);
      await store.write(layer, done);
    }
    const { matrices, seconds } = done;
    for (const stage of Object.keys(total) as (keyof StageSeconds)[]) total[stage] += seconds[stage];
    if (layer === blocks.length - 1) break;
    const shared: BlockWeights | undefined =
      run.propagate === 'dense' ? undefined : new Map(matrices.map(({ name, shared }) => [name, shared]));
    const ownOf = (objective: number) => new Map(matrices.map(({ name, own }) => [name, own[objective] as Floats]));
    await timed(
      total,
      'capture',
      streams.advance(() => shared, signal),
    );
    if (ownStreams) await timed(total, 'capture', ownStreams.advance(ownOf, signal));
  }
  progress?.step(label, blocks.length, blocks.length, 'blocks');
  return total;
}

async function pruneBlock(run: BlockRun, targets: readonly Target[]): Promise<PrunedBlock> {
  const { checkpoint, engine, capture, reprune, solve, signal } = run;
  const seconds: StageSeconds = { capture: 0, stage1: 0, stage2: 0, stage3: 0 };
  const matrices: PrunedMatrix[] = [];
  const reports: MatrixReport[] = [];
  const groups = groupBy(targets, ({ input }) => input);
  const paths = [...groups.keys()];
  let captured = capture === 'block' ? await timed(seconds, 'capture', capturing(run, paths)) : undefined;
  for (const [path, members] of groups) {
    if (capture === 'group') {
      const shared = new Map(matrices.map(({ name, shared }) => [name, shared]));
      captured = await timed(seconds, 'capture', capturing(run, [path], shared));
    }
    const group = groupOf(engine, captured as Captured, path);
    for (const target of members) {
      throwIfAborted(signal);
      const { name, rows, columns, type } = target;
      const dense: Floats = { rows, columns, data: checkpoint.readFloat32(name) };
      const kept = support(dense.data);
      const among = reprune || countKept(kept) === kept.length ? undefined : kept;
      const solved = await solve(target, dense, group, among);
      for (const stage of ['stage1', 'stage2', 'stage3'] as const) seconds[stage] += solved.seconds[stage];
      const shared = roundedTo(type, solved.shared, name);
      const own = solved.own.map((weights) => roundedTo(type, weights, name));
      const polished = new Map(
        [...(solved.polished ?? [])].map(([id, weights]) => [id, roundedTo(type, weights, name)]),
      );
      const { core, scale } = solved;
      matrices.push({ name, type, shared, own, core, scale, polished });
      reports.push(await reportOf(engine, target, dense, group, { ...solved, shared, own }));
    }
    captured?.shared.delete(path);
    captured?.own?.delete(path);
  }
  return { matrices, reports, seconds };
}

interface Captured {
  readonly shared: Map<InputPath, Floats[]>;
  readonly own: Map<InputPath, Floats[]> | undefined;
}

async function capturing(
  { streams, ownStreams, signal }: BlockRun,
  paths: readonly InputPath[],
  weights?: BlockWeights,
): Promise<Captured> {
  const shared = await streams.moments(paths, weights, signal);
  return { shared, own: await ownStreams?.moments(paths, weights, signal) };
}

function groupOf(engine: LayerEngine, { shared, own }: Captured, path: InputPath): GroupInputs {
  const moments = shared.get(path) as Floats[];
  return prepareGroup(engine, own?.get(path) ?? moments, sumOf(moments));
}

async function reportOf(
  engine: LayerEngine,
  { name }: Target,
  dense: Floats,
  { moments }: GroupInputs,
  { shared, own, core, primary, points }: LayerSolution,
): Promise<MatrixReport> {
  const errorsOf = async (weights: Floats) => {
    const errors: number[] = [];
    for (const moment of moments) errors.push(await layerError(engine, weights, dense, moment));
    return errors;
  };
  const ownErrors: number[][] = [];
  for (const weights of own) ownErrors.push(await errorsOf(weights));
  const kept = support(shared.data);
  const count = countKept(kept);
  return {
    matrix: name,
    kept: count,
    size: kept.length,
    core: countKept(core),
    ...(primary && { iterations: primary.iterations }),
    ...(points && { points }),
    energy: await errorsOf({ ...dense, data: new Float32Array(dense.data.length) }),
    shared: await errorsOf(shared),
    own: ownErrors,
    overlap: own.map(({ data }) => data.reduce((both, x, i) => both + (x !== 0 && kept[i] === 1 ? 1 : 0), 0) / count),
  };
}
