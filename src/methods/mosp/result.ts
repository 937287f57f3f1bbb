import type { Estimate } from '../../statistics/index.ts';
import type { MatrixReport, StageSeconds } from './blocks.ts';
import type { Hypervolume, Perplexities } from './front.ts';
import type { Objective } from './options.ts';

/** A point of a front. */
export interface PointResult {
  readonly id: string;
  /** By objective. */
  readonly weights: Readonly<Record<string, number>>;
  readonly lambda: readonly number[];
  readonly lambdaPrime: readonly number[];
  /** Where it is written as a model, from the folder of the front; null where it is not. */
  readonly path: string | null;
  /** The share of zeros of the pruned matrices. */
  readonly sparsity: number;
  /**
   * By objective, the errors of all layers as a share of their outputs; null for a mixture where test text was given.
   */
  readonly layerObjective: readonly number[] | null;
  /** Perplexities by objective: empty without test text. */
  readonly metrics: Perplexities;
  readonly dominated: boolean;
}

export interface BaselineResult {
  readonly perplexity: Perplexities;
  readonly path?: string;
}

/** pareto.json: everything that is known about a front. */
export interface Pareto {
  readonly schema: 1;
  readonly method: 'mosp';
  readonly base: { readonly id: string; readonly path: string; readonly sha256: string };
  readonly objectives: readonly (Objective & {
    readonly windows: number;
    readonly sequence: number;
    readonly test: string | null;
    readonly testWindows: number;
  })[];
  readonly sparsity: {
    readonly kind: 'unstructured' | 'n:m';
    readonly target: string;
    readonly alpha: number;
    readonly zeroFractionPerTensor: Readonly<Record<string, number>>;
  };
  readonly solver: {
    readonly rho0: number;
    readonly rhoStage2: number;
    readonly gamma: number;
    readonly pcgIters: number;
    readonly capture: string;
    readonly propagate: string;
    readonly guard: boolean;
    readonly polish: boolean;
    readonly iterPerTensor: Readonly<Record<string, number>>;
  };
  readonly preference: { readonly p: number };
  readonly points: readonly PointResult[];
  readonly baselines: Readonly<Record<string, BaselineResult>>;
  readonly basePerplexity: Perplexities;
  readonly hypervolume: Hypervolume | null;
  readonly hypervolumeLog: Hypervolume | null;
  readonly gapClosed: Readonly<Record<string, Estimate>>;
  readonly skipped: readonly string[];
}

/** How long the parts of a run took: apart from the rest, which a resumed run repeats to the byte. */
export type FrontSeconds = StageSeconds & { readonly baselines: number; readonly evaluation: number };

/** A line of layers.jsonl: a matrix with what is known about it, and the errors of the baselines on their own inputs. */
export type LayerLine = MatrixReport & { readonly baselines: Readonly<Record<string, readonly number[]>> };
