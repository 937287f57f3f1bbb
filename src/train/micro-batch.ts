import { integers, type Values, value } from '../engine/index.ts';
import type { Texts } from '../model/index.ts';
import type { Batch } from './batches.ts';
import type { Example } from './examples.ts';
import { lossInputs } from './losses.ts';

/** A piece of a batch as a graph reads it. */
export interface MicroBatch {
  readonly texts: Texts;
  /** Places in the padded texts, row by row, of the tokens before those that are lossMask. */
  readonly rows: readonly number[];
  /** Inputs of the loss. */
  readonly feeds: Values;
}

/** How many tokens of a batch are targets. */
export function targetTokens(batch: Batch): number {
  return batch.reduce((sum, text) => sum + targetPositions(text).length, 0);
}

/**
 * Next-token prediction of the texts of a piece, of a batch whose targets weigh `total` together: 1 each, or by target
 * as `weights` has it.
 */
export function predictionMicroBatch(
  piece: Batch,
  total: number,
  before: readonly number[] = [],
  weights?: Float32Array,
): MicroBatch {
  const { texts, rows, targets } = predictions(piece, before);
  const shares = Float32Array.from(rows, (_, row) => (weights?.[row] ?? 1) / total);
  return {
    texts,
    rows,
    feeds: {
      [lossInputs.targets]: integers(targets),
      [lossInputs.shares]: value('f32', [shares.length], shares),
    },
  };
}

/**
 * Preferences among texts, the chosen ones first and the rejected ones in the same order behind them, of a batch of
 * `total` pairs; `margins` are the reference's, by pair.
 */
export function preferenceMicroBatch(
  piece: Batch,
  total: number,
  margins: readonly number[],
  before: readonly number[] = [],
): MicroBatch {
  const pairs = piece.length / 2;
  const { texts, rows, targets, textOf } = predictions(piece, before);
  const signs = new Float32Array(pairs * rows.length);
  for (const [row, text] of textOf.entries()) signs[(text % pairs) * rows.length + row] = text < pairs ? 1 : -1;
  return {
    texts,
    rows,
    feeds: {
      [lossInputs.targets]: integers(targets),
      [lossInputs.shares]: value('f32', [pairs, rows.length], signs),
      [lossInputs.reference]: value('f32', [pairs], Float32Array.from(margins)),
      [lossInputs.pairShare]: value('f32', [], Float32Array.of(1 / total)),
    },
  };
}

/**
 * The texts behind the virtual tokens `before` each, the rows that predict learned tokens, what they are to predict,
 * and of which text they are.
 */
export function predictions(piece: Batch, before: readonly number[]) {
  const texts = piece.map(({ ids }) => [...before, ...ids]);
  const seq = Math.max(...texts.map((ids) => ids.length));
  const rows: number[] = [];
  const targets: number[] = [];
  const textOf: number[] = [];
  for (const [text, example] of piece.entries()) {
    const { ids } = example;
    for (const place of targetPositions(example)) {
      rows.push(text * seq + before.length + place - 1);
      targets.push(ids[place] as number);
      textOf.push(text);
    }
  }
  return { texts, rows, targets, textOf };
}

/** The positions of a text's target tokens: the first token has nothing before it. */
export function targetPositions({ ids, lossMask }: Example): number[] {
  const all = Array.from({ length: Math.max(0, ids.length - 1) }, (_, i) => i + 1);
  return lossMask ? all.filter((place) => lossMask[place]) : all;
}
