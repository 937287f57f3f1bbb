import type { ComparedWindow } from '../../evaluate/index.ts';
import type { Speedup } from './evaluation.ts';
import type { SearchState } from './search.ts';
import type { Target } from './target.ts';

/** The name of the method's own mask among all cuts. */
export const own = 'e3';

/** Kept layers and what they do on the test windows, beside the whole model. */
export interface Cut {
  readonly kept: readonly number[];
  readonly searched: readonly ComparedWindow[];
  /** After recovery, where there was one. */
  readonly recovered?: readonly ComparedWindow[];
}

/** The loss of what the search keeps when so many layers are dropped. */
export interface CurvePoint {
  readonly dropped: number;
  readonly kept: readonly number[];
  /** Cross entropy of some test windows, in nats. */
  readonly loss: number;
}

/** A mask with its loss on the test windows, in nats. */
export interface RankedMask {
  readonly kept: readonly number[];
  readonly loss: number;
}

export interface TaskScore {
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface E3Result {
  readonly target: Target;
  /** By layer, in nats; undefined without a search. */
  readonly importance: readonly number[] | undefined;
  readonly search: SearchState | undefined;
  readonly curve: readonly CurvePoint[] | undefined;
  /** Every mask of as many layers, the best first, where that was asked for. */
  readonly ranked: readonly RankedMask[] | undefined;
  /** The whole model. */
  readonly base: readonly ComparedWindow[];
  /** By name: `own`, random-1, reverse, shortgpt, sleb. */
  readonly cuts: Readonly<Record<string, Cut>>;
  /** Of the whole model and of the one that is written. */
  readonly task: { readonly before: TaskScore; readonly after: TaskScore } | undefined;
  readonly speedup: Speedup;
  readonly tokens: { readonly search: number; readonly recovery: number };
  /** By stage. */
  readonly seconds: Readonly<Record<string, number>>;
}

export const ownCut = ({ cuts }: E3Result): Cut => cuts[own] as Cut;
