import { existsSync } from 'node:fs';
import { CriaError, closing, type Watch } from '../base/index.ts';
import { decodeStored, encodeStored, openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import { integers, type Values, value } from '../engine/index.ts';
import { forBatches, forLogits } from '../evaluate/index.ts';
import { type Forward, likeliest } from '../model/index.ts';
import type { Example } from './examples.ts';
import { lossInputs } from './losses.ts';
import { targetPositions } from './micro-batch.ts';

/**
 * The likeliest next tokens of a teacher at every target position of some sequences, at one temperature. Rows follow
 * the sequences and, within one, its target positions. 64 bytes a row for ten tokens, on disk and in memory.
 */
export interface TeacherCache {
  /** Tokens kept a row. */
  readonly top: number;
  readonly rows: number;
  /** Token ids [rows, top], the likeliest first. */
  readonly ids: Uint32Array;
  /** Natural log-probabilities [rows, top] as float16 bits: their error is smallest where the probability is large. */
  readonly logprobs: Uint16Array;
  /** Log-sum-exp of the logits over the temperature, [rows]: added to a log-probability it gives the logit. */
  readonly logSumExp: Float32Array;
}

/** Bytes of a row. */
export const cacheRowBytes = (top: number): number => 6 * top + 4;

/**
 * The cache of a teacher that reads the sequences; `top` is at most its vocabulary.
 * @throws CriaError when a sequence does not suit the teacher.
 */
export async function teacherCache(
  teacher: Forward,
  sequences: readonly Example[],
  { top, temperature = 1, ...watch }: Watch & { readonly top: number; readonly temperature?: number },
): Promise<TeacherCache> {
  const positions = sequences.map(targetPositions);
  const begins = rowBegins(sequences);
  const rows = begins.at(-1) as number;
  const ids = new Uint32Array(rows * top);
  const logprobs = new Float32Array(rows * top);
  const logSumExp = new Float32Array(rows);
  const predicted = sequences.map((sequence) => ({ ids: sequence.ids, from: 1 }));
  await forBatches(teacher, predicted, watch, async (batch) => {
    for (const { index, lastHidden, text } of batch) {
      const width = lastHidden.length / (text.ids.length - text.from);
      const targets = positions[index] as number[];
      const hidden = new Float32Array(targets.length * width);
      for (const [i, target] of targets.entries()) {
        hidden.set(lastHidden.subarray((target - 1) * width, target * width), i * width);
      }
      await forLogits(teacher, hidden, width, (i, logits) => {
        const row = (begins[index] as number) + i;
        if (temperature !== 1) for (let k = 0; k < logits.length; k++) logits[k] = (logits[k] as number) / temperature;
        for (const [k, { id, logit, logprob }] of likeliest(logits, top).entries()) {
          ids[row * top + k] = id;
          logprobs[row * top + k] = logprob;
          if (k === 0) logSumExp[row] = logit - logprob;
        }
      });
    }
  });
  return { top, rows, ids, logprobs: halvesOf(logprobs), logSumExp };
}

/** Where the rows of each sequence begin, and at the end how many there are. */
export function rowBegins(sequences: readonly Example[]): number[] {
  const begins = [0];
  for (const sequence of sequences) begins.push((begins.at(-1) as number) + targetPositions(sequence).length);
  return begins;
}

/** The log-probabilities of some rows in order, [rows, top]. */
export function cachedLogprobs({ logprobs, top }: TeacherCache, rows: readonly number[]): Float32Array {
  const bits = new Uint16Array(rows.length * top);
  for (const [i, row] of rows.entries()) bits.set(logprobs.subarray(row * top, (row + 1) * top), i * top);
  const into = new Float32Array(bits.length);
  decodeStored('F16', bytesOf(bits), into);
  return into;
}

/** What `cachedDistillation` reads of some rows of a cache. */
export function teacherFeeds(cache: TeacherCache, rows: readonly number[]): Values {
  const { top } = cache;
  const logprobs = cachedLogprobs(cache, rows);
  const rest = Float32Array.from(rows, (_, i) => {
    let sum = 0;
    for (let k = 0; k < top; k++) sum += Math.exp(logprobs[i * top + k] as number);
    return Math.max(0, 1 - sum);
  });
  const ids = rows.flatMap((row) => [...cache.ids.subarray(row * top, (row + 1) * top)]);
  return {
    [lossInputs.teacherIds]: integers(ids, [rows.length, top]),
    [lossInputs.teacherLogprobs]: value('f32', [rows.length, top], logprobs),
    [lossInputs.teacherRest]: value('f32', [rows.length], rest),
  };
}

/**
 * Weights 1 + beta * H / ln(top) by the entropy H of each row of log-probabilities [rows, top], renormalized over the
 * tokens kept: uncertain tokens count more. 1 everywhere where beta is 0.
 */
export function entropyWeights(logprobs: Float32Array, top: number, beta: number): Float32Array {
  return Float32Array.from({ length: logprobs.length / top }, (_, row) => {
    return 1 + (beta * entropyOf(logprobs.subarray(row * top, (row + 1) * top))) / Math.log(top);
  });
}

/** The entropy, in nats, of probabilities in proportion to exp(logprobs). */
export function entropyOf(logprobs: Float32Array): number {
  const masses = Array.from(logprobs, Math.exp);
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.reduce((sum, mass) => (mass > 0 ? sum - (mass / total) * Math.log(mass / total) : sum), 0);
}

/** Writes a cache, whole or not at all; `key` says of what it is. */
export async function writeTeacherCache(path: string, cache: TeacherCache, key: string): Promise<void> {
  const { rows, top, ids, logprobs, logSumExp } = cache;
  await writeSafetensors(
    path,
    [
      { name: 'ids', shape: [rows, top], type: 'I32', bytes: () => bytesOf(ids) },
      { name: 'logprobs', shape: [rows, top], type: 'F16', bytes: () => bytesOf(logprobs) },
      { name: 'logSumExp', shape: [rows], type: 'F32', bytes: () => bytesOf(logSumExp) },
    ],
    { key },
  );
}

/** The cache at `path`; undefined where there is none of that key. @throws CriaError when it is not sound. */
export function readTeacherCache(path: string, key: string): TeacherCache | undefined {
  if (!existsSync(path)) return undefined;
  return closing(openSafetensors(path), (file) => {
    if (file.metadata.key !== key) return undefined;
    const [rows = 0, top = 0] = file.tensors.get('ids')?.shape ?? [];
    const isSound = (name: string, type: string, shape: readonly number[]) =>
      file.tensors.get(name)?.type === type && String(file.tensors.get(name)?.shape) === String(shape);
    if (
      !isSound('ids', 'I32', [rows, top]) ||
      !isSound('logprobs', 'F16', [rows, top]) ||
      !isSound('logSumExp', 'F32', [rows])
    ) {
      throw new CriaError('is not a valid teacher cache', { where: path, remedy: 'pass --force to start again' });
    }
    const copied = (name: string) => file.readBytes(name).slice().buffer;
    return {
      ...{ top, rows, ids: new Uint32Array(copied('ids')), logprobs: new Uint16Array(copied('logprobs')) },
      logSumExp: new Float32Array(copied('logSumExp')),
    };
  });
}

const halvesOf = (values: Float32Array): Uint16Array => {
  const bytes = encodeStored('F16', values, 'teacher logits');
  return new Uint16Array(bytes.slice().buffer);
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Uint16Array | Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
