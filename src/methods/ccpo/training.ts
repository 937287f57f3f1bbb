import { permutation, type Random } from '../../base/index.ts';
import type { Episode } from './episode.ts';
import type { Network } from './network.ts';
import { inputsOf, type Scaling } from './policy-network.ts';
import type { EmptyRule } from './sets.ts';

/** What both estimators train with. */
export interface TrainingOptions {
  readonly alpha: number;
  /** The price of an answer in the set, in units of cost. */
  readonly lambda: number;
  readonly rule: EmptyRule;
  readonly steps: number;
  /** Questions a step. */
  readonly batch: number;
  readonly hidden: readonly number[];
  readonly seed: number;
}

/** A step of training, for the log and the report. */
export interface TrainingStep {
  readonly step: number;
  readonly kappa: number;
  /** Mean soft cost and soft coverage of the batch. */
  readonly cost: number;
  readonly coverage: number;
}

export interface Trained {
  readonly network: Network;
  readonly scaling: Scaling;
  /** The threshold at the end of training: a signal, not a certificate. */
  readonly kappa: number;
  /** The width of the softmask at the end. */
  readonly eps: number;
  readonly history: readonly TrainingStep[];
}

/** Questions of one step, with their scaled observations. */
export interface Batch {
  readonly episodes: readonly Episode[];
  readonly inputs: Float64Array;
}

/** Batches without replacement: every question once before any comes again. */
export function batchesOf(episodes: readonly Episode[], scaling: Scaling, size: number, random: Random): () => Batch {
  const inputs = episodes.map((episode) => inputsOf([episode], scaling));
  let left: number[] = [];
  return () => {
    const chosen: number[] = [];
    while (chosen.length < Math.min(size, episodes.length)) {
      if (left.length === 0) left = [...permutation(episodes.length, random)];
      chosen.push(left.pop() as number);
    }
    const all = new Float64Array(chosen.reduce((sum, i) => sum + (inputs[i]?.length ?? 0), 0));
    let at = 0;
    for (const i of chosen) {
      all.set(inputs[i] as Float64Array, at);
      at += inputs[i]?.length ?? 0;
    }
    return { episodes: chosen.map((i) => episodes[i] as Episode), inputs: all };
  };
}

/** Between two values, at equal factors: `share` 0 is the first, 1 the second. */
export const annealed = ([from, to]: readonly [number, number], share: number): number => from * (to / from) ** share;

/** How many steps of a training are kept for the report. */
export const historyLength = 200;
