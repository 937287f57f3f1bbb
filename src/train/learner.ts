import { integers, type Value, type Values } from '../engine/index.ts';
import { gather, input, reshape, type Tensor, timesDim } from '../tensor/index.ts';
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
