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
import type { Lesson } from './lesson.ts';

/** A model that computes losses and their gradients. */
export interface Learner {
  /** The loss of a piece of a batch; its gradients are then in the store. */
  learn(lesson: Lesson): Promise<number>;
  /** The loss alone. */
  loss(lesson: Lesson): Promise<number>;
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

/** The rows [rows, width] of hidden states [batch, seq, width] that predict what is learned. */
export function rowsOf(normed: Tensor): Tensor {
  const [batch, seq, width] = normed.shape as [string, string, number];
  return gather(reshape(normed, [timesDim(batch, seq), width]), input('rows', 'i64', ['rows']));
}

/** What a lesson feeds besides its texts. */
export function lessonFeeds({ rows, feeds }: Lesson): Values {
  return { rows: integers(rows), ...feeds };
}

/** The loss among results. */
export const lossIn = ({ loss }: Values): number => (loss as Value<'f32'>).data[0] as number;
