import { CriaError, permutation, randomFrom } from '../../base/index.ts';
import { clusterMean } from '../../statistics/index.ts';
import { type Line, pairKey, pairsOf, type Task } from './tasks.ts';

/** A line by the places of its words among the candidates. */
export type LineIndexes = readonly [number, number, number, number];

/** How well analogies come out. */
export interface Outcome {
  /** The share whose wanted word is the nearest. */
  readonly accuracy: number;
  /** Of the accuracy; lines that ask for one word count together, for they are no independent questions. */
  readonly standardError?: number;
  /** The mean reciprocal rank of the wanted word. */
  readonly mrr: number;
  readonly n: number;
}

/**
 * The rank of the wanted word of each line, from 1: candidates w by cos(x_a - x_b + x_d, x_w) for the line a b c d,
 * which asks for c. All that is needed are the inner products of the vectors, `gram` [words, words]. With `exclude`
 * the three given words are no candidates, as word2vec has it; without, they are. (Mikolov et al. 2013)
 */
export function ranks(gram: Float32Array, lines: readonly LineIndexes[], exclude: boolean): number[] {
  const size = Math.sqrt(gram.length);
  const norms = Float64Array.from({ length: size }, (_, i) => Math.sqrt(gram[i * size + i] as number));
  const scores = new Float64Array(size);
  return lines.map(([a, b, wanted, d]) => {
    for (let w = 0; w < size; w++) {
      const inner = (row: number) => gram[row * size + w] as number;
      scores[w] = (inner(a) - inner(b) + inner(d)) / ((norms[w] as number) || 1);
    }
    const own = scores[wanted] as number;
    let rank = 1;
    for (let w = 0; w < size; w++) {
      if (w === wanted || (exclude && (w === a || w === b || w === d))) continue;
      const other = scores[w] as number;
      if (other > own || (other === own && w < wanted) || Number.isNaN(own)) rank++;
    }
    return rank;
  });
}

/** What the ranks of lines come to. */
export function outcomeOf(found: readonly number[], lines: readonly LineIndexes[]): Outcome {
  const asked = new Map<number, { sum: number; count: number }>();
  for (const [i, [, , wanted]] of lines.entries()) {
    const { sum, count } = asked.get(wanted) ?? { sum: 0, count: 0 };
    asked.set(wanted, { sum: sum + Number(found[i] === 1), count: count + 1 });
  }
  const { mean, standardError } = clusterMean([...asked.values()]);
  return {
    accuracy: mean,
    ...(standardError !== undefined && { standardError }),
    mrr: found.reduce((sum, rank) => sum + 1 / rank, 0) / found.length,
    n: found.length,
  };
}

/** Lines of one half of a task's pairs, and lines of the other: a layer is chosen on the first, judged on the second. */
export interface Halves {
  readonly choose: readonly Line[];
  readonly judge: readonly Line[];
}

/**
 * Splits the pairs of a task; lines that take one pair of each half belong to neither.
 * @throws CriaError when a half has no lines.
 */
export function halves({ name, lines }: Pick<Task, 'name' | 'lines'>, seed: number): Halves {
  const pairs = pairsOf(lines);
  const order = permutation(pairs.length, randomFrom(seed));
  const half = Math.floor(pairs.length / 2);
  const choosing = new Set([...order.subarray(0, half)].map((i) => pairKey(pairs[i] as (typeof pairs)[number])));
  const ofHalf = (wanted: boolean) =>
    lines.filter(([a, b, c, d]) => [pairKey([a, b]), pairKey([c, d])].every((key) => choosing.has(key) === wanted));
  const [choose, judge] = [ofHalf(true), ofHalf(false)];
  if (choose.length > 0 && judge.length > 0) return { choose, judge };
  throw new CriaError(`its ${lines.length} lines do not fill two halves: one chooses a layer, the other is judged`, {
    where: name,
    remedy: 'use more lines',
  });
}

/** Lines by the places of their words. */
export function indexed(lines: readonly Line[], words: readonly string[]): LineIndexes[] {
  const places = new Map(words.map((word, i) => [word, i]));
  return lines.map((line) => line.map((word) => places.get(word) as number) as unknown as LineIndexes);
}
