import { CriaError, fnv1a, throwIfAborted } from '../../base/index.ts';
import { readRows } from '../../data/index.ts';
import type { Endpoint } from '../../endpoint/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { openForward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { textOf } from './fields.ts';
import { sentencesOf, wordsOf } from './text.ts';
import { centred, type Encoder, meanVector, type Vector } from './vectors.ts';

const dimensions = 4096;
const gramSize = 4;

/**
 * Letters, without a model: counts of words and their 4-grams, hashed, damped by a logarithm, weighted by their rarity in the
 * background. It sees shared words and roots, not meaning, and nothing across languages that do not share them.
 */
export const letterEncoder: Encoder = {
  name: 'letter 4-grams',
  async encode(texts, background) {
    const counted = new Map([...texts, ...background].map((text) => [text, gramCounts(text)]));
    const documents = new Float64Array(dimensions);
    for (const text of new Set(background)) {
      for (const bucket of counted.get(text)?.keys() ?? []) documents[bucket] = (documents[bucket] as number) + 1;
    }
    const rarity = documents.map((count) => Math.log((1 + new Set(background).size) / (1 + count)) + 1);
    return new Map(
      texts.map((text) => {
        const vector = new Float64Array(dimensions);
        for (const [bucket, count] of counted.get(text) ?? []) {
          vector[bucket] = (1 + Math.log(count)) * (rarity[bucket] as number);
        }
        return [text, vector];
      }),
    );
  },
};

function gramCounts(text: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const word of wordsOf(text)) {
    const padded = `<${word}>`;
    const grams = Array.from({ length: Math.max(1, padded.length - gramSize + 1) }, (_, i) =>
      padded.slice(i, i + gramSize),
    );
    for (const gram of new Set([padded, ...grams])) {
      const bucket = (fnv1a(gram) >>> 0) % dimensions;
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
  }
  return counts;
}

/** Vectors of a file, rows of {text, embedding}: every text that is scored has to be in it. */
export async function fileEncoder(path: string): Promise<Encoder> {
  const vectors = new Map<string, Vector>();
  let length: number | undefined;
  for await (const row of readRows(path)) {
    const { embedding } = row.values;
    if (!Array.isArray(embedding) || embedding.length === 0 || !embedding.every(Number.isFinite)) {
      throw new CriaError('its embedding is not a list of numbers', { where: row.where });
    }
    length ??= embedding.length;
    if (embedding.length !== length) {
      throw new CriaError(`its embedding has ${embedding.length} numbers, not ${length}`, { where: row.where });
    }
    vectors.set(textOf(row, 'text').trim(), Float64Array.from(embedding));
  }
  return {
    name: `vectors of ${path}`,
    encode: async (texts) => {
      return new Map(
        texts.flatMap((text) => {
          const vector = vectors.get(text);
          return vector ? [[text, vector] as const] : [];
        }),
      );
    },
  };
}

/** The means of a model's last hidden states over a text's tokens, without the mean of the background's. */
export function modelEncoder(model: LoadedModel, tokenizer: Tokenizer): Encoder {
  const longest = Math.min(512, model.config.context);
  return {
    name: `centred states of ${model.path}`,
    async encode(texts, background, signal) {
      const forward = await openForward(model);
      try {
        const vectors = new Map<string, Vector>();
        const all = [...new Set([...texts, ...background])];
        for (const [done, text] of all.entries()) {
          throwIfAborted(signal);
          model.progress.step('embedding', done, all.length, 'texts');
          const ids = tokenizer.encode(text);
          const pieces = Array.from({ length: Math.ceil(ids.length / longest) }, (_, i) =>
            ids.slice(i * longest, (i + 1) * longest),
          );
          const sum = new Float64Array(model.config.hiddenSize);
          for (const piece of pieces) {
            const { lastHidden } = await forward.run([piece], { signal });
            for (let i = 0; i < lastHidden.data.length; i++) {
              sum[i % sum.length] = (sum[i % sum.length] as number) + (lastHidden.data[i] as number);
            }
          }
          if (ids.length > 0)
            vectors.set(
              text,
              sum.map((value) => value / ids.length),
            );
        }
        return centred(vectors, background);
      } finally {
        await forward.dispose();
      }
    },
  };
}

const mostWords = 80; // about the 128 tokens that small sentence encoders read

/** Sentence vectors of an OpenAI-compatible server. Long texts are given in windows of sentences, and their vectors' mean taken. */
export function endpointEncoder(endpoint: Endpoint, model: string): Encoder {
  return {
    name: `${model} at ${endpoint.url}`,
    async encode(texts, _, signal) {
      const windows = texts.map(windowsOf);
      const flat = windows.flat();
      const vectors = flat.length === 0 ? [] : await endpoint.embed(model, flat, { signal });
      let at = 0;
      return new Map(
        texts.flatMap((text, i) => {
          const own = vectors.slice(at, at + (windows[i] as string[]).length).map(unit);
          at += own.length;
          return own.length === 0 ? [] : [[text, meanVector(own)] as const];
        }),
      );
    },
  };
}

function windowsOf(text: string): string[] {
  const windows: string[] = [];
  let [current, count] = ['', 0];
  for (const sentence of sentencesOf(text)) {
    const words = wordsOf(sentence).length;
    if (count > 0 && count + words > mostWords) {
      windows.push(current);
      [current, count] = ['', 0];
    }
    current = current === '' ? sentence : `${current} ${sentence}`;
    count += words;
  }
  return current === '' ? windows : [...windows, current];
}

function unit(vector: Vector): Vector {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((x) => x / length);
}
