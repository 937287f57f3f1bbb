import { CriaError } from '../base/index.ts';
import { byteToken } from './alphabet.ts';
import { merge, type Pairs } from './bpe.ts';
import { type Definition, idLimit, sidesOf } from './definition.ts';

/** Appends the ids of a piece of text to `out`. */
type Model = (piece: string, out: number[]) => void;

const longestCachedWord = 64;
const cachedWords = 2 ** 15;

/**
 * The byte-pair model: a piece becomes symbols (bytes or characters), neighbours are merged, and what has no token
 * becomes byte tokens or the unknown token.
 * @throws CriaError when a merge rule names a token that is not there, or scores are missing.
 */
export function model(definition: Definition): Model {
  const { merging, ids } = definition;
  const pairs = pairsOf(definition);
  const symbolsOf = definition.alphabet === 'bytes' ? byteSymbols(ids) : characterSymbols(ids);
  const emit = emitter(definition);
  const wordsOf = definition.alphabet === 'bytes' ? (piece: string) => [piece] : wordSplitter(definition.tokens);
  const wholeWordsFirst = merging.by === 'rank' && merging.wholeWordsFirst;
  const encodeWord = (word: string): number[] => {
    const whole = wholeWordsFirst ? ids.get(spell(word, definition.alphabet)) : undefined;
    return whole === undefined ? emit(merge(symbolsOf(word), pairs)) : [whole];
  };
  const cache = new Map<string, number[]>();
  return (piece, out) => {
    for (const word of wordsOf(piece)) {
      let encoded = cache.get(word);
      if (!encoded) {
        encoded = encodeWord(word);
        if (cache.size >= cachedWords) cache.clear();
        if (word.length <= longestCachedWord) cache.set(word, encoded);
      }
      for (const id of encoded) out.push(id);
    }
  };
}

function pairsOf(definition: Definition): Pairs {
  const { merging, tokens, ids, where } = definition;
  if (merging.by === 'score') {
    if (merging.scores.length < tokens.length) {
      const [have, want] = [merging.scores.length, tokens.length];
      throw new CriaError(`the tokenizer has ${have} scores for ${want} tokens`, { where });
    }
    const ranks = ranksOfScores(merging.scores);
    return (left, right) => {
      if (left < 0 || right < 0) return -1;
      const id = ids.get((tokens[left] as string) + (tokens[right] as string));
      return id === undefined ? -1 : (ranks[id] as number) * idLimit + id;
    };
  }
  if (merging.merges.length >= idLimit) throw new CriaError('the tokenizer has too many merge rules', { where });
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id !== undefined) return id;
    throw new CriaError(`a merge rule needs the token '${token.slice(0, 80)}', which the vocabulary lacks`, { where });
  };
  const table = new Map<number, number>();
  merging.merges.forEach((rule, rank) => {
    const [left, right] = sidesOf(rule, where);
    const key = idOf(left) * idLimit + idOf(right);
    if (!table.has(key)) table.set(key, rank * idLimit + idOf(left + right));
  });
  return (left, right) => (left < 0 || right < 0 ? -1 : (table.get(left * idLimit + right) ?? -1));
}

/** For every token, how many score higher. */
function ranksOfScores(scores: ArrayLike<number>): Int32Array {
  const ascending = Float64Array.from(scores).sort();
  return Int32Array.from(scores, (score) => {
    let [low, high] = [0, ascending.length]; // the first that is higher
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ascending[middle] as number) <= score) low = middle + 1;
      else high = middle;
    }
    return ascending.length - low;
  });
}

const utf8 = new TextEncoder();

/** A symbol is an id, or, where the vocabulary lacks it, -1 - its byte. */
function byteSymbols(ids: ReadonlyMap<string, number>): (text: string) => number[] {
  const symbols = Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte, 'bytes')) ?? -1 - byte);
  return (text) => Array.from(utf8.encode(text), (byte) => symbols[byte] as number);
}

/** A symbol is an id, or, where the vocabulary lacks it, -1 - its code point. */
function characterSymbols(ids: ReadonlyMap<string, number>): (text: string) => number[] {
  return (text) => Array.from(text, (character) => ids.get(character) ?? -1 - (character.codePointAt(0) as number));
}

/** A piece in the letters of the vocabulary. */
function spell(piece: string, alphabet: Definition['alphabet']): string {
  if (alphabet === 'characters') return piece;
  return Array.from(utf8.encode(piece), (byte) => byteToken(byte, 'bytes')).join('');
}

/** Replaces the symbols that have no token. */
function emitter(definition: Definition): (symbols: number[]) => number[] {
  const { unknown, alphabet, byteFallback, ids } = definition;
  const bytesOf = (symbol: number): readonly (number | undefined)[] =>
    byteFallback
      ? Array.from(utf8.encode(String.fromCodePoint(-1 - symbol)), (byte) => ids.get(byteToken(byte, alphabet)))
      : [undefined];
  return (symbols) => {
    if (symbols.every((symbol) => symbol >= 0)) return symbols;
    const out: number[] = [];
    let lastWasUnknown = false;
    for (const symbol of symbols) {
      const known = symbol >= 0 ? [symbol] : bytesOf(symbol);
      const isKnown = !known.includes(undefined);
      if (isKnown) out.push(...(known as number[]));
      else if (unknown && !(unknown.fused && lastWasUnknown)) out.push(unknown.id);
      lastWasUnknown = !isKnown;
    }
    return out;
  };
}

/**
 * Cuts a text before '▁' where no token reaches across, so that words can be merged one by one, and remembered, with
 * the result of merging the whole text.
 */
function wordSplitter(tokens: readonly string[]): (text: string) => string[] {
  const crossed = new Set<string | undefined>(['▁']);
  for (const token of tokens) {
    for (let at = token.indexOf('▁', 1); at > 0; at = token.indexOf('▁', at + 1)) crossed.add(token[at - 1]);
  }
  return (text) => {
    const words: string[] = [];
    let start = 0;
    for (let at = text.indexOf('▁', 1); at > 0; at = text.indexOf('▁', at + 1)) {
      if (crossed.has(text[at - 1])) continue;
      words.push(text.slice(start, at));
      start = at;
    }
    words.push(text.slice(start));
    return words;
  };
}
