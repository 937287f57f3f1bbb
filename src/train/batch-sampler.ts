import { value } from '../engine/index.ts';
import type { Forward } from '../model/index.ts';
import { type BatchOrder, batchOrder } from './batches.ts';
import type { Example, Pair } from './examples.ts';
import { lossInputs } from './losses.ts';
import {
  type MicroBatch,
  predictionMicroBatch,
  predictions,
  preferenceMicroBatch,
  targetTokens,
} from './micro-batch.ts';
import { rowsIn } from './reference.ts';
import { cachedLogprobs, entropyWeights, rowBegins, type TeacherCache, teacherFeeds } from './teacher-cache.ts';

/** The micro-batches of each step. They depend only on the step, so that a run can be resumed. */
export interface BatchSampler {
  /** The micro-batches of a step (counted from 0), in order. */
  microBatches(step: number): AsyncIterable<MicroBatch>;
  /** Micro-batches in a batch. */
  readonly microBatchesPerStep: number;
  /** The examples of a batch, for messages. */
  describe(step: number): string;
}

export interface Batching extends BatchOrder {
  /** Texts in a micro-batch; the gradients of the micro-batches of a batch are summed. */
  readonly atOnce: number;
  /** Ids of virtual tokens in front of every text. */
  readonly before: readonly number[];
}

/** Next-token prediction of sequences. */
export function predictionSampler(sequences: readonly Example[], batching: Batching): BatchSampler {
  return batchSampler(sequences, batching, async (examples, batch) =>
    predictionMicroBatch(examples, targetTokens(batch), batching.before),
  );
}

/** The same rows, with the logits of a teacher that reads the same texts. */
export function distillationSampler(sequences: readonly Example[], batching: Batching, teacher: Forward): BatchSampler {
  return batchSampler(sequences, batching, async (examples, batch) => {
    const microBatch = predictionMicroBatch(examples, targetTokens(batch), batching.before);
    const plain = predictions(examples, []);
    const { lastHidden } = await teacher.run(plain.texts);
    const logits = await teacher.logits(rowsIn(lastHidden, plain.rows));
    const taught = value('f32', [plain.rows.length, logits.length / plain.rows.length], logits);
    const { [lossInputs.targets]: _, ...lossWeights } = microBatch.feeds;
    return { ...microBatch, feeds: { ...lossWeights, [lossInputs.teacher]: taught } };
  });
}

/**
 * The same rows, with what a cache holds of the teacher at the targets of the sequences it was made of. `entropyWeight`
 * is beta of `entropyWeights`, whose mean over a batch is 1. `covered` are the indexes of the cache's sequences.
 */
export function cachedDistillationSampler(
  sequences: readonly Example[],
  batching: Batching,
  cache: TeacherCache,
  entropyWeight: number,
  covered: readonly number[] = sequences.map((_, i) => i),
): BatchSampler {
  const begins = rowBegins(covered.map((i) => sequences[i] as Example));
  const placed = sequences.map((sequence) => ({ sequence, rows: [] as number[] }));
  for (const [k, i] of covered.entries()) {
    const [begin, end] = begins.slice(k, k + 2) as [number, number];
    (placed[i] as { rows: number[] }).rows = Array.from({ length: end - begin }, (_, row) => begin + row);
  }
  const weightsOf = (texts: typeof placed) =>
    entropyWeights(
      cachedLogprobs(
        cache,
        texts.flatMap(({ rows }) => rows),
      ),
      cache.top,
      entropyWeight,
    );
  return batchSampler(placed, batching, async (examples, batch) => {
    const total = weightsOf([...batch]).reduce((sum, weight) => sum + weight, 0);
    const texts = examples.map(({ sequence }) => sequence);
    const microBatch = predictionMicroBatch(texts, total, batching.before, weightsOf([...examples]));
    return {
      ...microBatch,
      feeds: {
        ...microBatch.feeds,
        ...teacherFeeds(
          cache,
          examples.flatMap(({ rows }) => rows),
        ),
      },
    };
  });
}

/** Pairs of answers with their margins by the reference. */
export function preferenceSampler(pairs: readonly Pair[], batching: Batching): BatchSampler {
  return batchSampler(pairs, batching, async (examples, batch) => {
    const texts = [...examples.map(({ chosen }) => chosen), ...examples.map(({ rejected }) => rejected)];
    const margins = examples.map(({ margin }) => margin as number);
    return preferenceMicroBatch(texts, batch.length, margins, batching.before);
  });
}

function batchSampler<E>(
  examples: readonly E[],
  { size, atOnce, shuffle, seed }: Batching,
  microBatchOf: (examples: readonly E[], batch: readonly E[]) => Promise<MicroBatch>,
): BatchSampler {
  const order = batchOrder(examples.length, size, shuffle, seed);
  return {
    microBatchesPerStep: Math.ceil(size / atOnce),
    async *microBatches(step) {
      const batch = order(step).map((index) => examples[index] as E);
      for (let from = 0; from < size; from += atOnce) yield await microBatchOf(batch.slice(from, from + atOnce), batch);
    },
    describe: (step) =>
      `the sequences ${order(step)
        .slice(0, 8)
        .map((index) => index + 1)
        .join(', ')}`,
  };
}
