import type { Columns } from '../../data/index.ts';
import type { Sparsity } from './pattern.ts';

/** One thing that the pruned models should keep well: a name, and the data that stands for it. */
export interface Objective {
  readonly name: string;
  readonly data: string;
}

export const baselineNames = ['magnitude', 'wanda', 'sparsegpt', 'alps', 'alps-per-task'] as const;
export type BaselineName = (typeof baselineNames)[number];

/** Whose outputs the next block reads: the shared weights', each objective's own, or the dense ones'. */
export type Propagation = 'primary' | 'task' | 'dense';

/** Whether the inputs of a block's matrices are read once, with dense weights in the block, or group after group. */
export type Capture = 'block' | 'group';

/** What decides the pruned weights. */
export interface PruneOptions {
  readonly sparsity: Sparsity;
  /** Other sparsities for some matrices: glob and sparsity, the last that fits. */
  readonly sparsityFor: readonly (readonly [glob: string, sparsity: Sparsity])[];
  /** Matrices that stay dense: globs on their names. */
  readonly keep: readonly string[];
  /** Prune entries anew that are zero already; else they stay zero. */
  readonly reprune: boolean;
  /** Calibration windows of an objective, and their tokens. */
  readonly samples: number;
  readonly sequence: number;
  readonly columns?: Columns;
  readonly capture: Capture;
  readonly propagate: Propagation;
  readonly alpha: number;
  readonly guard: boolean;
}

/** What a front is made of, besides. */
export interface FrontOptions extends PruneOptions {
  readonly objectives: readonly Objective[];
  readonly tests: readonly Objective[];
  readonly points?: number;
  readonly power: number;
  readonly polish: boolean;
  readonly baselines: readonly BaselineName[];
  /** Points to write as models: `all`, `none`, ids; by default the uniform one and those of one objective. */
  readonly write?: string;
  readonly seed: number;
  readonly resume: boolean;
  readonly force: boolean;
}

export const frontDefaults = { alpha: 0.5, power: 0.5, samples: 128, propagate: 'primary', capture: 'block' } as const;
