import { CriaError, type Progress, throwIfAborted } from '../../base/index.ts';
import type { LoraAdapter } from '../../checkpoint/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Batch } from '../../train/index.ts';
import { toAdapter } from './adapter.ts';
import { type InputGroup, inputGroups, type Module } from './groups.ts';
import { explainedRatios, type Pca } from './incremental-pca.ts';
import { openInputs } from './inputs.ts';
import type { EvaOptions } from './options.ts';
import { componentsFor, distributed } from './ranks.ts';
import { countedRows } from './rows.ts';
import type { EvaState } from './state.ts';

/** The data of a run. */
export interface EvaData {
  /** The batch of a step, counted from 0: it depends on nothing else, so that a run can go on anywhere. */
  batch(step: number): Batch;
  /** After how many batches the data begins anew. */
  readonly round: number;
}

export interface EvaWatch {
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** From where to go on. */
  readonly from?: EvaState | undefined;
  /** Is shown the state after every batch. */
  readonly keep?: (state: EvaState) => void | Promise<void>;
}

export interface EvaResult {
  readonly adapter: LoraAdapter;
  /** By module, in the order of the model; 0 for those that the adapter leaves out. */
  readonly ranks: ReadonlyMap<string, number>;
  readonly groups: readonly InputGroup[];
  readonly state: EvaState;
  /** Modules whose components had not converged when the batches ended. */
  readonly unconverged: readonly string[];
}

/**
 * Explained variance adaptation: the inputs of all targets are read until their main directions hold still; these become
 * the rows of A, and ranks go where they explain most. (Paischer et al. 2024; PEFT's initialize_lora_eva_weights)
 * @throws CriaError when the options do not suit the model, or no batch of the data has tokens enough.
 */
export async function eva(
  model: LoadedModel,
  data: EvaData,
  options: EvaOptions,
  { progress, signal, from, keep }: EvaWatch,
): Promise<EvaResult> {
  const groups = inputGroups(model.config, options.targets);
  const components = componentsFor(options.rank, options.rho);
  checkComponents(components, groups);
  const read = await openInputs(model, groups, { components, tau: options.tau });
  let state: EvaState = from ?? { batches: 0, groups: groups.map(() => undefined) };
  let ranks = ranksOf(groups, state, components, options.rank);
  try {
    for (let useless = 0; ; ) {
      const moving = groups.map((group, i) => !isSettled(group, state.groups[i], ranks));
      const left = moving.filter(Boolean).length;
      progress.step('inputs', groups.length - left, groups.length, 'converged');
      if (left === 0 || state.batches >= options.maxBatches) break;
      throwIfAborted(signal);
      const batch = data.batch(state.batches);
      const counted = countedRows(batch, model.adaptation.leading);
      const isUseful = counted.rows.length >= components;
      useless = isUseful ? 0 : useless + 1;
      if (useless >= data.round) throw tooFewTokens(components);
      state = {
        batches: state.batches + 1,
        groups: isUseful ? await read.update(state.groups, moving, batch, counted, signal) : state.groups,
      };
      ranks = ranksOf(groups, state, components, options.rank);
      await keep?.(state);
    }
  } finally {
    await read.dispose();
  }
  if (!isBegun(state)) throw tooFewTokens(components);
  return resultOf(model.path, groups, state, ranks, options.whiten);
}

/**
 * The adapter that an earlier run gives for another mean rank, without reading anything. No module gets more than the
 * components that were kept. @throws CriaError when they are not enough, or the run saw no batch.
 */
export function shareAgain(
  base: string,
  groups: readonly InputGroup[],
  state: EvaState,
  { rank, whiten }: Pick<EvaOptions, 'rank' | 'whiten'>,
): EvaResult {
  const kept = state.groups[0]?.components.rows ?? 0;
  if (rank > kept) {
    throw new CriaError(`a mean rank of ${rank} is more than the ${kept} components that were kept`, {
      where: '--rank',
      remedy: `use at most ${kept}, or read the data again`,
    });
  }
  return resultOf(base, groups, state, ranksOf(groups, state, kept, rank), whiten);
}

function resultOf(
  base: string,
  groups: readonly InputGroup[],
  state: EvaState,
  ranks: ReadonlyMap<string, number>,
  whiten: boolean,
): EvaResult {
  const unconverged = groups
    .filter((group, i) => !isSettled(group, state.groups[i], ranks))
    .flatMap(({ modules }) => modules.map(({ name }) => name));
  return { adapter: toAdapter(base, groups, state.groups, ranks, whiten), ranks, groups, state, unconverged };
}

/** Whether a batch had tokens enough to be of use. */
export const isBegun = ({ groups }: EvaState): boolean => groups.some(Boolean);

/** Ranks after some batches: before every input has been seen, each module has all components. */
function ranksOf(
  groups: readonly InputGroup[],
  state: EvaState,
  components: number,
  rank: number,
): ReadonlyMap<string, number> {
  const modules = groups.flatMap((group, i) => group.modules.map(({ name }) => ({ name, pca: state.groups[i] })));
  if (modules.some(({ pca }) => !pca)) return new Map(modules.map(({ name }) => [name, components]));
  const candidates = modules.map(({ name, pca }) => ({ module: name, ratios: explainedRatios(pca as Pca) }));
  return distributed(candidates, rank * modules.length);
}

/** Whether an input need not be read any more: all components that its first module, which has most, is given hold still. */
function isSettled(group: InputGroup, pca: Pca | undefined, ranks: ReadonlyMap<string, number>): boolean {
  const first = group.modules[0] as Module;
  return pca?.converged.slice(0, ranks.get(first.name)).every(Boolean) ?? false;
}

/** @throws CriaError when an input has fewer directions than are to be kept. */
function checkComponents(components: number, groups: readonly InputGroup[]): void {
  const narrow = groups.find(({ width }) => width < components);
  if (narrow) {
    throw new CriaError(`${components} components are more than ${narrow.path} of width ${narrow.width} has`, {
      where: '--rank times --rho',
      remedy: `use at most ${narrow.width}`,
    });
  }
}

const tooFewTokens = (components: number) =>
  new CriaError(`no batch has the ${components} tokens to learn that as many components need`, {
    remedy: 'use a larger --batch or --sequence, or a smaller --rank or --rho',
  });
