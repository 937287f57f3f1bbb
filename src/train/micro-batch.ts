import { integers, type Values, value } from '../engine/index.ts';
import type { Texts } from '../model/index.ts';
import type { Batch } from './batches.ts';
import type { Example } from './examples.ts';
import { lossInputs } from './losses.ts';

/** The texts of one forward and backward pass. */
export interface MicroBatch {
  readonly texts: Texts;
  /** Flat positions in the padded texts of the tokens that predict the targets. */
  readonly rows: readonly number[];
  /** Inputs of the loss. */
  readonly feeds: Values;
}

/** How many tokens of a batch are targets. */
export function targetTokens(batch: Batch): number {
  return batch.reduce((sum, text) => sum + targetPositions(text).length, 0);
}

/**
 * Next-token prediction. The loss weight of a target is 1, or that of `weights`, divided by `total`, the sum over the whole
 * batch.
 */
export function predictionMicroBatch(
  examples: Batch,
  total: number,
  before: readonly number[] = [],
  weights?: Float32Array,
): MicroBatch {
  const { texts, rows, targets } = predictions(examples, before);
  const lossWeights = Float32Array.from(rows, (_, row) => (weights?.[row] ?? 1) / total);
  return {
    texts,
    rows,
    feeds: {
      [lossInputs.targets]: integers(targets),
      [lossInputs.weights]: value('f32', [lossWeights.length], lossWeights),
    },
  };
}

/**
 * Preference pairs: the chosen texts first, then the rejected ones in the same order, of a batch of `total` pairs. `margins`
 * are those of the reference, by pair.
 */
export function preferenceMicroBatch(
  examples: Batch,
  total: number,
  margins: readonly number[],
  before: readonly number[] = [],
): MicroBatch {
  const pairs = examples.length / 2;
  const { texts, rows, targets, textOf } = predictions(examples, before);
  const signs = new Float32Array(pairs * rows.length);
  for (const [row, text] of textOf.entries()) signs[(text % pairs) * rows.length + row] = text < pairs ? 1 : -1;
  return {
    texts,
    rows,
    feeds: {
      [lossInputs.targets]: integers(targets),
      [lossInputs.weights]: value('f32', [pairs, rows.length], signs),
      [lossInputs.reference]: value('f32', [pairs], Float32Array.from(margins)),
      [lossInputs.pairShare]: value('f32', [], Float32Array.of(1 / total)),
    },
  };
}

/**
 * The texts, each after the virtual tokens `before`; the rows that predict targets; the target ids; and the text index of
 * each row.
 */
export function predictions(examples: Batch, before: readonly number[]) {
  const texts = examples.map(({ ids }) => [...before, ...ids]);
  const seq = Math.max(...texts.map((ids) => ids.length));
  const rows: number[] = [];
  const targets: number[] = [];
  const textOf: number[] = [];
  for (const [text, example] of examples.entries()) {
    const { ids } = example;
    for (const position of targetPositions(example)) {
      rows.push(text * seq + before.length + position - 1);
      targets.push(ids[position] as number);
      textOf.push(text);
    }
  }
  return { texts, rows, targets, textOf };
}

/** The positions of a text's target tokens: the first token has nothing before it. */
export function targetPositions({ ids, lossMask }: Example): number[] {
  const all = Array.from({ length: Math.max(0, ids.length - 1) }, (_, i) => i + 1);
  return lossMask ? all.filter((position) => lossMask[position]) : all;
}
