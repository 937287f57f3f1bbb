import { CriaError } from '../base/index.ts';
import { byteToken } from './alphabet.ts';
import { type GgufDefinition, idLimit, idsOf, type Merge } from './definition.ts';
import { gpt2Pattern, stepsOf } from './pretokenizers.ts';
import { splitter } from './split.ts';
import type { Tokenizer } from './types.ts';
import { tokenizerConfig, tokenizerJson } from './write-huggingface.ts';

const [pad, bos, end] = ['<|pad|>', '<|bos|>', '<|end|>'];
const specialTokens = [pad, bos, end, '<|system|>', '<|user|>', '<|assistant|>'];

/** `<|user|>Hello<|end|><|assistant|>`: `<|end|>` ends a turn, and a text. */
const template =
  '{{ bos_token }}{% for message in messages %}' +
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

const smallest = specialTokens.length + 256;
const rarestPair = 2; // what occurs once is nothing to learn

/**
 * Learns a byte-level BPE tokenizer from texts: pieces are cut by GPT-2's pattern with every digit on its own, and of
 * all neighbours in all pieces the most frequent pair becomes a token, until the vocabulary is full or no pair occurs
 * twice; of equal pairs the one with the smaller ids. (Sennrich et al. 2016; the order of ids and of equal pairs is
 * that of Hugging Face's BpeTrainer.) Returns the files of a folder in the Hugging Face layout, with a chat template.
 * @throws CriaError when the vocabulary is too small for the bytes and the special tokens.
 */
export function trainTokenizer(texts: Iterable<string>, vocabulary: number): ReturnType<Tokenizer['huggingFaceFiles']> {
  if (!Number.isSafeInteger(vocabulary) || vocabulary < smallest || vocabulary > idLimit) {
    throw new CriaError(`the vocabulary must have at least ${smallest} tokens (got ${vocabulary})`);
  }
  const steps = stepsOf(['\\p{N}', gpt2Pattern]);
  const letters = Array.from({ length: 256 }, (_, byte) => byteToken(byte, 'bytes'));
  const tokens = [...specialTokens, ...[...letters].sort()];
  const byteIds = letters.map((letter) => tokens.indexOf(letter));
  const merges = learnMerges(countPieces(texts, splitter(steps, 'texts'), byteIds), tokens, vocabulary);
  const idOf = (token: string) => tokens.indexOf(token);
  const definition: GgufDefinition = {
    where: 'a trained tokenizer',
    tokens,
    ids: idsOf(tokens),
    alphabet: 'bytes',
    added: specialTokens.map(addedToken),
    normalizer: [],
    preTokenizer: steps,
    merging: { by: 'rank', merges, wholeWordsFirst: false },
    byteFallback: false,
    unknown: undefined,
    prefix: [idOf(bos)],
    suffix: [],
    stripsSpace: false,
    special: { bos: idOf(bos), eos: [idOf(end)], pad: idOf(pad) },
    chatTemplate: template,
    toolTemplate: undefined,
    named: {},
  };
  return {
    'tokenizer.json': `${tokenizerJson(definition)}\n`,
    'tokenizer_config.json': tokenizerConfig(definition),
  };
}

function addedToken(content: string, id: number) {
  const flags = { special: true, leftStrip: false, rightStrip: false, singleWord: false, normalized: false };
  return { id, content, text: content, ...flags };
}

/** A piece of text as ids, which merges shorten, and how often it occurs. */
interface Piece {
  ids: number[];
  readonly count: number;
}

function countPieces(
  texts: Iterable<string>,
  split: (text: string, isFirst: boolean) => string[],
  byteIds: readonly number[],
): Piece[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const piece of split(text, true)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const utf8 = new TextEncoder();
  return [...counts].map(([piece, count]) => ({
    ids: Array.from(utf8.encode(piece), (byte) => byteIds[byte] as number),
    count,
  }));
}

/** Appends the learnt tokens to `tokens` and returns their rules. Counts are kept up to date piece by piece. */
function learnMerges(pieces: readonly Piece[], tokens: string[], vocabulary: number): Merge[] {
  const counts = new Map<number, number>();
  const places = new Map<number, Set<Piece>>();
  const note = (piece: Piece, sign: 1 | -1) => {
    for (let i = 1; i < piece.ids.length; i++) {
      const pair = (piece.ids[i - 1] as number) * idLimit + (piece.ids[i] as number);
      const count = (counts.get(pair) ?? 0) + sign * piece.count;
      if (count > 0) counts.set(pair, count);
      else counts.delete(pair);
      if (sign > 0) places.set(pair, (places.get(pair) ?? new Set()).add(piece));
    }
  };
  for (const piece of pieces) note(piece, 1);
  const merges: Merge[] = [];
  while (tokens.length < vocabulary) {
    const pair = mostFrequent(counts);
    if (pair === undefined) break;
    const [left, right] = [Math.floor(pair / idLimit), pair % idLimit];
    const id = tokens.length;
    tokens.push((tokens[left] as string) + (tokens[right] as string));
    merges.push(`${tokens[left]} ${tokens[right]}`);
    for (const piece of places.get(pair) ?? []) {
      note(piece, -1);
      piece.ids = joinPairs(piece.ids, left, right, id);
      note(piece, 1);
    }
    places.delete(pair);
  }
  return merges;
}

/** The pair that occurs most often, of several the one with the smaller ids. */
function mostFrequent(counts: ReadonlyMap<number, number>): number | undefined {
  let best: number | undefined;
  let most = rarestPair - 1;
  for (const [pair, count] of counts) {
    if (count < most || (count === most && (best === undefined || pair > best))) continue;
    [best, most] = [pair, count];
  }
  return best;
}

function joinPairs(ids: readonly number[], left: number, right: number, joint: number): number[] {
  const joined: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === left && ids[i + 1] === right;
    joined.push(isPair ? joint : (ids[i] as number));
    if (isPair) i++;
  }
  return joined;
}
