import { concatArrays, silent, throwIfAborted, type Watch } from '../base/index.ts';
import type { Forward } from '../model/index.ts';
import { batchesOf } from './batches.ts';

/** A text of which the tokens from index `from` (1 or more) on are predicted, each given all before it. */
export interface Predicted {
  readonly ids: readonly number[];
  readonly from: number;
}

/** Log-probabilities (natural) of the predicted tokens of every text: [i] belongs to ids[from + i]. */
export async function logLikelihoods(
  forward: Forward,
  texts: readonly Predicted[],
  watch: Watch = {},
): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  await forBatches(forward, texts, watch, async (batch) => {
    const likelihoods = await batchLikelihoods(forward, batch);
    for (const [i, { index }] of batch.entries()) results[index] = likelihoods[i] as Float32Array;
  });
  return results;
}

/** Log-probabilities of the predicted tokens of each text of a batch. */
export async function batchLikelihoods(forward: Forward, batch: readonly Read[]): Promise<Float32Array[]> {
  const lastHidden = concatArrays(batch.map((read) => read.lastHidden));
  const targets = batch.flatMap(({ text }) => text.ids.slice(text.from));
  const all = await forward.likelihoods(lastHidden, targets);
  let end = 0;
  return batch.map(({ text }) => {
    const begin = end;
    end += text.ids.length - text.from;
    return all.slice(begin, end);
  });
}

/** A text of a batch with its final hidden states, below the head. */
export interface Read {
  readonly index: number;
  readonly text: Predicted;
  /** Those that predict the tokens `from` on: [ids.length - from, width]. */
  readonly lastHidden: Float32Array;
  /** The one of the last position, [width]. */
  readonly last: Float32Array;
}

/** Runs texts of like lengths together and hands on what was read, a batch at a time; tells progress in tokens. */
export async function forBatches(
  forward: Forward,
  texts: readonly Predicted[],
  { progress = silent, signal }: Watch,
  visit: (batch: readonly Read[]) => Promise<void>,
): Promise<void> {
  const total = texts.reduce((sum, { ids }) => sum + ids.length, 0);
  let done = 0;
  progress.step('reading', 0, total, 'tokens');
  for (const batch of batchesOf(texts.map(({ ids }) => ids.length))) {
    throwIfAborted(signal);
    const members = batch.map((index) => ({ index, text: texts[index] as Predicted }));
    const { lastHidden } = await forward.run(
      members.map(({ text }) => text.ids),
      { signal },
    );
    const [, seq, width] = lastHidden.shape as readonly [number, number, number];
    await visit(
      members.map(({ index, text }, row) => {
        const rows = (from: number, to: number) =>
          lastHidden.data.subarray((row * seq + from) * width, (row * seq + to) * width);
        const { length } = text.ids;
        return { index, text, lastHidden: rows(text.from - 1, length - 1), last: rows(length - 1, length) };
      }),
    );
    done += members.reduce((sum, { text }) => sum + text.ids.length, 0);
    progress.step('reading', done, total, 'tokens');
  }
}

const rowsAtOnce = 64; // logits of 64 rows of a vocabulary of 262,144 take 67 MB

/** Calls `visit` with the logits [vocabulary] of each row of hidden states [rows, width]; a few rows' are held at once. */
export async function forLogits(
  forward: Forward,
  lastHidden: Float32Array,
  width: number,
  visit: (row: number, logits: Float32Array) => void,
): Promise<void> {
  const rows = lastHidden.length / width;
  for (let from = 0; from < rows; from += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - from);
    const logits = await forward.logits(lastHidden.subarray(from * width, (from + count) * width));
    const vocabulary = logits.length / count;
    for (let i = 0; i < count; i++) visit(from + i, logits.subarray(i * vocabulary, (i + 1) * vocabulary));
  }
}
