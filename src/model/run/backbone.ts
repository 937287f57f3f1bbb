import type { Value } from '../../engine/index.ts';
import type { Edit } from '../architecture/taps.ts';
import type { Precision } from '../weights/packing.ts';
import type { Texts } from './texts.ts';

export interface ForwardOptions {
  /** Activations to return, by path (see taps.ts). */
  readonly read?: readonly string[];
  /** Activations to replace, by path; edits see the virtual tokens of a prompt too. */
  readonly edits?: Readonly<Record<string, Edit>>;
  readonly precision?: Precision;
}

/** What a forward pass gives for texts that were padded on the right to one length. */
export interface Activations {
  /** The final hidden states after the norm, [batch, seq, width]. */
  readonly lastHidden: Value<'f32'>;
  /** The activations that were asked for. */
  readonly read: Readonly<Record<string, Value<'f32'>>>;
}

/** The part of a model below its head: texts to activations. */
export interface Backbone {
  run(texts: Texts, signal?: AbortSignal): Promise<Activations>;
  dispose(): Promise<void>;
}
