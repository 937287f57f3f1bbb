import { CriaError } from '../base/index.ts';
import type { SpecialIds } from './types.ts';

/** A tokenizer as data, whichever file described it: what the readers make, and what engine and writers take. */
export interface Definition {
  /** The file or folder, for error sentences. */
  readonly where: string;
  /** By id; '' where an id has no token. */
  readonly tokens: readonly string[];
  /** The id of every token. */
  readonly ids: ReadonlyMap<string, number>;
  /**
   * How tokens spell text: 'bytes' in the 256 letters of GPT-2, one a byte; 'characters' as they are, with '▁' for
   * the space and '<0xE2>' for a single byte (SentencePiece).
   */
  readonly alphabet: 'bytes' | 'characters';
  /** Tokens that are found in the text before it is split. */
  readonly added: readonly AddedToken[];
  readonly normalizer: readonly NormalizerStep[];
  readonly preTokenizer: readonly PreTokenizerStep[];
  readonly merging: Merging;
  /** A character without a token is the tokens of its bytes ('<0xE2>'), where those are there. */
  readonly byteFallback: boolean;
  /** What stands for a symbol that has no token and no bytes; such a symbol is dropped where this is undefined. */
  readonly unknown: { readonly id: number; readonly fused: boolean } | undefined;
  /** Ids that encoding puts before and after a text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  /** Decoding takes one space off the front, because encoding put it there. */
  readonly stripsSpace: boolean;
  readonly special: SpecialIds;
  readonly chatTemplate: string | undefined;
  /** The template for conversations with tools, where the model has another one for them. */
  readonly toolTemplate: string | undefined;
  /** Tokens by the names that chat templates read them under, besides those of `special`. */
  readonly named: Readonly<Record<string, string>>;
}

/** What a GGUF header can say. */
export interface GgufDefinition extends Definition {
  readonly normalizer: readonly TextStep[];
  /** The normal form that the tokenizer's own files bring a text to first, though llama.cpp does not. */
  readonly form?: 'NFC';
  readonly preTokenizer: readonly Split<'isolated'>[];
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** What it decodes to. */
  readonly text: string;
  /** Has a role beyond its text: left out by `skipSpecial`, not found in text that a stranger wrote. */
  readonly special: boolean;
  /** Takes the whitespace on that side with it. */
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  /** Is found only where no word character touches it. */
  readonly singleWord: boolean;
  /** Is looked for in the text after normalization. */
  readonly normalized: boolean;
}

export type NormalizerStep = TextStep | { readonly kind: 'unicode'; readonly form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' };

export type TextStep =
  | { readonly kind: 'prepend'; readonly text: string }
  | { readonly kind: 'replace'; readonly pattern: string; readonly by: string };

export type PreTokenizerStep =
  | Split<SplitBehavior>
  /** Puts a space before a text that does not start with one. */
  | { readonly kind: 'prefix-space' }
  /** Spaces become '▁', and one is put before: every text, the first one, or none. */
  | { readonly kind: 'metaspace'; readonly prepend: 'always' | 'first' | 'never' };

export interface Split<Behavior> {
  readonly kind: 'split';
  readonly pattern: string;
  readonly keep: Behavior;
}

/** What becomes of matches: pieces of their own, dropped, the only pieces kept, or joined to the neighbouring gap. */
export type SplitBehavior = 'isolated' | 'removed' | 'only' | 'with-previous' | 'with-next' | 'contiguous';

/** Which neighbours are joined first: the earliest rule of a list, or the pair whose joint token scores highest. */
export type Merging =
  | { readonly by: 'rank'; readonly merges: readonly Merge[]; readonly wholeWordsFirst: boolean }
  | { readonly by: 'score'; readonly scores: ArrayLike<number> };

/** 'left right', or the two apart. */
export type Merge = string | readonly [string, string];

/** Ids are below this: 16 times the largest vocabulary there is, and small enough to pack a rank beside an id. */
export const idLimit = 2 ** 22;

/** The two sides of a merge rule. @throws CriaError for anything else. */
export function sidesOf(merge: Merge, where: string): readonly [string, string] {
  if (typeof merge !== 'string') return merge;
  const space = merge.indexOf(' ', 1);
  if (space < 0) throw new CriaError(`the merge rule '${merge.slice(0, 80)}' is not two tokens`, { where });
  return [merge.slice(0, space), merge.slice(space + 1)];
}

/** The id of every token; the first one where a token stands twice, as in llama.cpp. */
export function idsOf(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = tokens.length - 1; id >= 0; id--) {
    const token = tokens[id] as string;
    if (token !== '') ids.set(token, id);
  }
  return ids;
}
