import { existsSync } from 'node:fs';
import { closing, silent, throwIfAborted, type Watch } from '../base/index.ts';
import { openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import type { Value } from '../engine/index.ts';
import type { Forward } from '../model/index.ts';
import type { Batch } from './batches.ts';
import type { Pair } from './examples.ts';
import { predictions } from './micro-batch.ts';

/**
 * Pairs with their margins by a reference: the log-probability of the chosen answer minus that of the rejected one.
 * A margin that a pair carries stays; the others are computed `atOnce` pairs at a time, in order.
 */
export async function withMargins(
  pairs: readonly Pair[],
  reference: Forward,
  atOnce: number,
  { progress = silent, signal }: Watch = {},
): Promise<Pair[]> {
  const missing = pairs.flatMap(({ margin }, i) => (margin === undefined ? [i] : []));
  const all = [...pairs];
  for (let from = 0; from < missing.length; from += atOnce) {
    throwIfAborted(signal);
    const some = missing.slice(from, from + atOnce);
    const texts = [
      ...some.map((i) => all[i] as Pair).map(({ chosen }) => chosen),
      ...some.map((i) => (all[i] as Pair).rejected),
    ];
    const sums = await logLikelihoodOfTargets(reference, texts);
    for (const [k, i] of some.entries()) {
      all[i] = { ...(all[i] as Pair), margin: (sums[k] as number) - (sums[some.length + k] as number) };
    }
    progress.step('reference', from + some.length, missing.length, 'pairs');
  }
  return all;
}

/** The sum of the log-probabilities of each text's targets. */
async function logLikelihoodOfTargets(reference: Forward, texts: Batch): Promise<Float32Array> {
  const { texts: ids, rows, targets, textOf } = predictions(texts, []);
  const { lastHidden } = await reference.run(ids);
  const likelihoods = await reference.likelihoods(rowsIn(lastHidden, rows), targets);
  const sums = new Float32Array(texts.length);
  for (const [i, text] of textOf.entries()) sums[text] = (sums[text] as number) + (likelihoods[i] as number);
  return sums;
}

/** Rows of hidden states [batch, seq, hiddenSize]. */
export function rowsIn({ shape, data }: Value<'f32'>, rows: readonly number[]): Float32Array {
  const width = shape[2] as number;
  const chosen = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) chosen.set(data.subarray(row * width, (row + 1) * width), i * width);
  return chosen;
}

/** Writes the margins of pairs, whole or not at all; `key` says of what they are. */
export async function writeMargins(path: string, pairs: readonly Pair[], key: string): Promise<void> {
  const margins = Float64Array.from(pairs, ({ margin }) => margin as number);
  const bytes = () => new Uint8Array(margins.buffer);
  await writeSafetensors(path, [{ name: 'margins', shape: [margins.length], type: 'F64', bytes }], { key });
}

/** Pairs with the margins of a file; undefined where there is none of that key. */
export function readMargins(path: string, pairs: readonly Pair[], key: string): Pair[] | undefined {
  if (!existsSync(path)) return undefined;
  return closing(openSafetensors(path), (file) => {
    const { shape, type } = file.tensors.get('margins') ?? {};
    if (file.metadata.key !== key || type !== 'F64' || shape?.[0] !== pairs.length) return undefined;
    const margins = new Float64Array(file.readBytes('margins').slice().buffer);
    return pairs.map((pair, i) => ({ ...pair, margin: margins[i] as number }));
  });
}
