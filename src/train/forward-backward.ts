import { integers, type Value, type Values } from '../engine/index.ts';
import {
  differentiate,
  gather,
  input,
  inputsOf,
  type Outputs,
  reshape,
  type Tensor,
  timesDim,
} from '../tensor/index.ts';
import type { MicroBatch } from './micro-batch.ts';

/** A model that computes losses and their gradients. */
export interface ForwardBackward {
  /** The loss of a piece of a batch; its gradients are then in the buffer. */
  forwardBackward(microBatch: MicroBatch): Promise<number>;
  /** The loss alone. */
  loss(microBatch: MicroBatch): Promise<number>;
  dispose(): Promise<void>;
}

/** What the gradient of a parameter is called as a result. */
export const gradientName = (name: string) => `d:${name}`;

/** A loss and its gradients with respect to those inputs of its graph that are wanted, by name. */
export function withGradients(scalar: Tensor, isWanted: (name: string) => boolean): Outputs {
  const wanted = [...inputsOf({ scalar })].filter(([name]) => isWanted(name));
  const gradients = differentiate(
    scalar,
    wanted.map(([, tensor]) => tensor),
  );
  return {
    ...Object.fromEntries(wanted.map(([name], i) => [gradientName(name), gradients[i] as Tensor])),
    loss: scalar,
  };
}

/** The rows [rows, width] of hidden states [batch, seq, width] that predict what is lossMask. */
export function rowsOf(lastHidden: Tensor): Tensor {
  const [batch, seq, width] = lastHidden.shape as [string, string, number];
  return gather(reshape(lastHidden, [timesDim(batch, seq), width]), input('rows', 'i64', ['rows']));
}

/** What a microBatch feeds besides its texts. */
export function microBatchFeeds({ rows, feeds }: MicroBatch): Values {
  return { rows: integers(rows), ...feeds };
}

/** The loss among results. */
export const lossIn = ({ loss }: Values): number => (loss as Value<'f32'>).data[0] as number;
