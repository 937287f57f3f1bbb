import type { Value, Values } from '../../engine/index.ts';
import type { Positions } from '../architecture/layer.ts';
import type { Edits } from '../architecture/taps.ts';
import type { Precision } from '../weights/packing.ts';
import type { Texts } from './texts.ts';

/** Activations by path (see taps.ts). */
export interface ActivationOptions {
  /** Activations to return. */
  readonly read?: readonly string[];
  /** Activations to replace; edits see the virtual tokens of a prompt too. */
  readonly edits?: Edits;
}

export interface ForwardOptions extends ActivationOptions {
  /** Activations whose gradients `Forward.gradients` returns, by path. */
  readonly gradients?: readonly string[];
  /** How positions see each other, in place of the model's: a fake-quantized key/value cache wraps `attend`. */
  readonly positions?: (positions: Positions) => Positions;
  readonly precision?: Precision;
}

/** What a run is given besides its texts. */
export interface RunOptions {
  /** Inputs that edits and wrapped decoders have made, by name: layers.3.gain. */
  readonly feeds?: Values;
  readonly signal?: AbortSignal | undefined;
}

/** What a forward pass gives for texts that were padded on the right to one length. */
export interface Activations {
  /** The final hidden states after the norm, [batch, seq, hiddenSize]. */
  readonly lastHidden: Value<'f32'>;
  /** The activations that were asked for. */
  readonly read: Readonly<Record<string, Value<'f32'>>>;
}

/** The part of a model below its head: texts to activations. */
export interface Backbone {
  run(texts: Texts, options?: RunOptions): Promise<Activations>;
  dispose(): Promise<void>;
}
