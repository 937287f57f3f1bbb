import { integers, type Value, type Values } from '../engine/index.ts';
import { gather, input, reshape, type Tensor, timesDim } from '../tensor/index.ts';
import type { MicroBatch } from './micro-batch.ts';

/** A model that computes losses and their gradients. */
export interface ForwardBackward {
  /** Computes the loss of a micro-batch and writes its gradients to the buffer. */
  forwardBackward(microBatch: MicroBatch): Promise<number>;
  /** The loss alone. */
  loss(microBatch: MicroBatch): Promise<number>;
  dispose(): Promise<void>;
}

/** The rows [rows, width] of hidden states [batch, seq, width] that predict the target tokens. */
export function rowsOf(lastHidden: Tensor): Tensor {
  const [batch, seq, width] = lastHidden.shape as [string, string, number];
  return gather(reshape(lastHidden, [timesDim(batch, seq), width]), input('rows', 'i64', ['rows']));
}

/** The inputs of a micro-batch besides its texts. */
export function microBatchFeeds({ rows, feeds }: MicroBatch): Values {
  return { rows: integers(rows), ...feeds };
}

/** The loss among results. */
export const lossIn = ({ loss }: Values): number => (loss as Value<'f32'>).data[0] as number;
