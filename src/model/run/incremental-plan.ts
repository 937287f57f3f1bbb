import { type Device, type Value, type Values, value } from '../../engine/index.ts';
import { freshNames, pastNames } from '../architecture/positions.ts';
import type { Sequence } from './cache.ts';
import type { GraphInputs } from './decoder-feeds.ts';
import type { LoadedModel } from './open.ts';

/** Positions read at once: scores of 9 heads over 8,192 positions then take 150 MB. */
export const chunk = 512;

/** One run: further tokens of a sequence, whose positions and masks are known. */
export interface DecoderRun {
  readonly sequence: Sequence;
  readonly ids: readonly number[];
  /** The places in `ids` of which logits are returned. */
  readonly wanted: readonly number[];
  /** What tells positions and masks. */
  readonly where: Values;
  /** Inputs of edits, wrapped decoders and gated adapters. */
  readonly feeds: Values;
}

export interface DecoderResult {
  /** [wanted, vocabulary] */
  readonly logits: Float32Array;
  /** The activations that were asked for, [1, tokens, size]. */
  readonly read: Readonly<Record<string, Value<'f32'>>>;
}

/** A token that is read behind a sequence. */
export interface NextToken {
  readonly sequence: Sequence;
  readonly id: number;
}

/** Runs tokens through the model; their keys and values go into the sequences' room behind what they hold. */
export interface DecoderPlan {
  readonly inputs: GraphInputs;
  step(run: DecoderRun): Promise<DecoderResult>;
  /** One token of each of several sequences in one run; not there where it would gain nothing. */
  readonly together?: {
    readonly most: number;
    step(tokens: readonly NextToken[], where: Values): Promise<DecoderResult>;
  };
  dispose(): Promise<void>;
}

/** The part of one layer, under the names that the graph of `named` has. */
export function layerCacheFeeds(
  { device }: LoadedModel,
  { sequence, ids }: DecoderRun,
  layer: number,
  named: number,
  feeds: Record<string, Value>,
  into: Record<string, Value>,
): void {
  const { length } = sequence;
  const count = ids.length;
  for (const part of ['key', 'value'] as const) {
    feeds[pastNames(named)[part]] = sequence.part(layer, part, 0, inPlaceOn(device) ? length + count : length);
    const room = sequence.part(layer, part, length, length + count);
    into[freshNames(named)[part]] = value('f32', [count, 1, room.data.length / count], room.data);
  }
}

/** Whether a device computes in the program's own memory, so that a run may read what it has written to an input. */
export const inPlaceOn = (device: Device): boolean => device === 'cpu';
