/** Lexical diversity of a text; undefined where the text is too short for a measure, or it does not exist. */
export interface Diversity {
  readonly ttr: number | undefined;
  readonly mattr: number | undefined;
  readonly hdd: number | undefined;
  readonly mtld: number | undefined;
}

export function diversity(words: readonly string[]): Diversity {
  return { ttr: typeTokenRatio(words), mattr: mattr(words), hdd: hdd(words), mtld: mtld(words) };
}

/** Types / tokens. */
function typeTokenRatio(words: readonly string[]): number | undefined {
  return words.length === 0 ? undefined : new Set(words).size / words.length;
}

/** The mean type-token ratio of windows of `size` words; of a shorter text its own. (Covington and McFall 2010) */
export function mattr(words: readonly string[], size = 50): number | undefined {
  if (words.length <= size) return typeTokenRatio(words);
  const counts = new Map<string, number>();
  let total = 0;
  words.forEach((word, i) => {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    if (i >= size) {
      const gone = words[i - size] as string;
      const left = (counts.get(gone) as number) - 1;
      if (left === 0) counts.delete(gone);
      else counts.set(gone, left);
    }
    if (i >= size - 1) total += counts.size / size;
  });
  return total / (words.length - size + 1);
}

/**
 * HD-D: the mean over types of the chance that a draw of `draw` words holds the type, as a share of the draw.
 * Undefined below `draw` words. (McCarthy and Jarvis 2007)
 */
export function hdd(words: readonly string[], draw = 42): number | undefined {
  const n = words.length;
  if (n < draw) return undefined;
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  let total = 0;
  for (const count of counts.values()) {
    let absent = 1; // C(n - count, draw) / C(n, draw), factor by factor
    for (let i = 0; i < count; i++) absent *= Math.max(0, n - draw - i) / (n - i);
    total += 1 - absent;
  }
  return total / draw;
}

const factorBelow = 0.72; // McCarthy and Jarvis 2010

/**
 * MTLD: words a factor, where a factor closes when the running type-token ratio falls below 0.72 and the rest counts
 * as the part of a factor that it has gone; the mean of both directions. A factor may close at any length. Undefined
 * where no factor begins to close: all words differ. (McCarthy and Jarvis 2010)
 */
export function mtld(words: readonly string[]): number | undefined {
  const factors = [words, words.toReversed()].map(factorsOf);
  if (words.length === 0 || factors.some((count) => count === 0)) return undefined;
  return factors.reduce((sum, count) => sum + words.length / count, 0) / 2;
}

function factorsOf(words: readonly string[]): number {
  let [factors, length] = [0, 0];
  let types = new Set<string>();
  for (const word of words) {
    types.add(word);
    length++;
    if (types.size / length < factorBelow) {
      factors++;
      [types, length] = [new Set(), 0];
    }
  }
  return length === 0 ? factors : factors + (1 - types.size / length) / (1 - factorBelow);
}

/** Shannon's entropy of counts in bits; 0 where there is one kind or none. */
export function entropy(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => (count > 0 ? sum - (count / total) * Math.log2(count / total) : sum), 0);
}
