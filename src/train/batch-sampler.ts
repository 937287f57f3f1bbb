import { type Value, value } from '../engine/index.ts';
import type { Forward } from '../model/index.ts';
import { type Batch, batchOrder } from './batches.ts';
import type { Example, Pair } from './examples.ts';
import { lossInputs } from './losses.ts';
import {
  type MicroBatch,
  predictionMicroBatch,
  predictions,
  preferenceMicroBatch,
  targetTokens,
} from './micro-batch.ts';

/** What is learned in each step: it depends on the step alone, so that a run can go on where it stopped. */
export interface BatchSampler {
  /** The pieces of the batch of a step (counted from 0), one after the other. */
  microBatches(step: number): AsyncIterable<MicroBatch>;
  /** How many pieces a batch has. */
  readonly microBatchesPerStep: number;
  /** What the batch is made of, for messages. */
  describe(step: number): string;
}

export interface Batching {
  /** Texts (or pairs) in a batch. */
  readonly size: number;
  /** Texts that are read at once: a batch may be read in pieces, whose gradients add up. */
  readonly atOnce: number;
  readonly shuffle: boolean;
  readonly seed: number;
  /** Ids of virtual tokens in front of every text. */
  readonly before: readonly number[];
}

/** Next-token prediction of sequences. */
export function predictionSampler(sequences: readonly Example[], batching: Batching): BatchSampler {
  return batchSampler(sequences, batching, async (piece, batch) =>
    predictionMicroBatch(piece, targetTokens(batch), batching.before),
  );
}

/** The same rows, with the logits of a teacher that reads the same texts. */
export function distillationSampler(sequences: readonly Example[], batching: Batching, teacher: Forward): BatchSampler {
  return batchSampler(sequences, batching, async (piece, batch) => {
    const microBatch = predictionMicroBatch(piece, targetTokens(batch), batching.before);
    const plain = predictions(piece, []);
    const { lastHidden } = await teacher.run(plain.texts);
    const logits = await teacher.logits(rowsIn(lastHidden, plain.rows));
    const taught = value('f32', [plain.rows.length, logits.length / plain.rows.length], logits);
    const { [lossInputs.targets]: _, ...shares } = microBatch.feeds;
    return { ...microBatch, feeds: { ...shares, [lossInputs.teacher]: taught } };
  });
}

/** Pairs of answers, and how likely they are to the reference. */
export function preferenceSampler(pairs: readonly Pair[], batching: Batching, reference: Forward): BatchSampler {
  return batchSampler(pairs, batching, async (piece, batch) => {
    const texts = [...piece.map(({ chosen }) => chosen), ...piece.map(({ rejected }) => rejected)];
    return preferenceMicroBatch(texts, batch.length, await sumsOf(reference, texts), batching.before);
  });
}

/** The log-probability of what is learned of each text. */
async function sumsOf(reference: Forward, texts: Batch): Promise<Float32Array> {
  const { texts: ids, rows, targets, textOf } = predictions(texts, []);
  const { lastHidden } = await reference.run(ids);
  const likelihoods = await reference.likelihoods(rowsIn(lastHidden, rows), targets);
  const sums = new Float32Array(texts.length);
  for (const [i, text] of textOf.entries()) sums[text] = (sums[text] as number) + (likelihoods[i] as number);
  return sums;
}

/** Rows of hidden states [batch, seq, width]. */
function rowsIn({ shape, data }: Value<'f32'>, rows: readonly number[]): Float32Array {
  const width = shape[2] as number;
  const chosen = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) chosen.set(data.subarray(row * width, (row + 1) * width), i * width);
  return chosen;
}

function batchSampler<E>(
  examples: readonly E[],
  { size, atOnce, shuffle, seed }: Batching,
  lessonOf: (piece: readonly E[], batch: readonly E[]) => Promise<MicroBatch>,
): BatchSampler {
  const order = batchOrder(examples.length, size, shuffle, seed);
  return {
    microBatchesPerStep: Math.ceil(size / atOnce),
    async *microBatches(step) {
      const batch = order(step).map((index) => examples[index] as E);
      for (let from = 0; from < size; from += atOnce) yield await lessonOf(batch.slice(from, from + atOnce), batch);
    },
    describe: (step) =>
      `the sequences ${order(step)
        .slice(0, 8)
        .map((index) => index + 1)
        .join(', ')}`,
  };
}
