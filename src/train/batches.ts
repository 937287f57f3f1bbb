import { CriaError, permutation } from '../base/index.ts';
import type { Example } from './examples.ts';
import { randomFor } from './parameters.ts';

/** Texts that are trained on together, each from its start. */
export type Batch = readonly Example[];

export const packings = ['concat', 'none'] as const;
/** `concat`: texts are concatenated and cut into sequences of one length; `none`: one text per sequence. */
export type Packing = (typeof packings)[number];

export interface Packed {
  readonly sequences: readonly Example[];
  /** How many texts were truncated to the length of a sequence. */
  readonly cut: number;
}

/**
 * Sequences of at most `length` tokens. `concat` joins all texts, leaves out the first `skip` tokens, and cuts the rest
 * into full sequences; the remainder is dropped, unless there is no full sequence. `none` truncates every text to the
 * length and leaves out texts without target tokens. `where` names the source in messages.
 * @throws CriaError when no target tokens are left.
 */
export function packed(
  examples: readonly Example[],
  packing: Packing,
  length: number,
  skip = 0,
  where?: string,
): Packed {
  const sequences = packing === 'concat' ? concatenated(examples, length, skip) : apart(examples, length);
  const learnable = sequences.filter(isLearnable);
  if (learnable.length === 0) {
    throw new CriaError(`has no target tokens within sequences of ${length} tokens`, {
      where,
      remedy: 'use longer texts, or a larger --sequence',
    });
  }
  const cut = packing === 'none' ? examples.filter(({ ids }) => ids.length > length).length : 0;
  return { sequences: learnable, cut };
}

/** The first token has nothing before it that it could be predicted from. */
const isLearnable = ({ ids, lossMask }: Example): boolean =>
  lossMask === undefined ? ids.length > 1 : lossMask.some((each, i) => each && i > 0);

function apart(examples: readonly Example[], length: number): Example[] {
  return examples.map(({ ids, lossMask }) =>
    ids.length <= length ? { ids, lossMask } : { ids: ids.slice(0, length), lossMask: lossMask?.slice(0, length) },
  );
}

function concatenated(examples: readonly Example[], length: number, skip: number): Example[] {
  const total = examples.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = new Int32Array(total);
  const lossMask = new Uint8Array(total).fill(1);
  let at = 0;
  for (const example of examples) {
    ids.set(example.ids, at);
    if (example.lossMask) lossMask.set(example.lossMask.map(Number), at);
    at += example.ids.length;
  }
  const all = lossMask.every((each) => each === 1);
  const window = (from: number): Example => {
    const to = Math.min(total, from + length);
    return {
      ids: [...ids.subarray(from, to)],
      lossMask: all ? undefined : Array.from(lossMask.subarray(from, to), (each) => each === 1),
    };
  };
  if (total - skip <= length) return total > skip ? [window(skip)] : [];
  return Array.from({ length: Math.floor((total - skip) / length) }, (_, i) => window(skip + i * length));
}

/** The indexes of all examples that the batches of `steps` steps have, in ascending order. */
export function usedIndexes(count: number, { size, shuffle, seed }: BatchOrder, steps: number): number[] {
  if (steps * size >= count) return Array.from({ length: count }, (_, i) => i); // an epoch has them all
  const order = batchOrder(count, size, shuffle, seed);
  return Array.from({ length: steps }, (_, step) => order(step))
    .flat()
    .sort((a, b) => a - b);
}

/** In which order examples are trained on. */
export interface BatchOrder {
  /** Examples in a batch. */
  readonly size: number;
  readonly shuffle: boolean;
  readonly seed: number;
}

/**
 * The examples of each batch: in an order that is shuffled for every epoch, or in the order of the data. They depend only on
 * the step, so that a run can be resumed anywhere. The last batch of an epoch is filled from the next epoch.
 */
export function batchOrder(count: number, size: number, shuffle: boolean, seed: number) {
  let epoch = -1;
  let order: Uint32Array | undefined;
  const indexAt = (position: number): number => {
    const now = Math.floor(position / count);
    if (!shuffle) return position % count;
    if (now !== epoch || !order) {
      order = permutation(count, randomFor(seed, `round ${now}`));
      epoch = now;
    }
    return order[position % count] as number;
  };
  /** The indexes of the examples of one batch, counted from 0. */
  return (batch: number): number[] => Array.from({ length: size }, (_, i) => indexAt(batch * size + i));
}
