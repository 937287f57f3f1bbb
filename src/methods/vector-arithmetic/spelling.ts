import { CriaError } from '../../base/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

/** The ids of a word as it stands in the middle of a text: behind a space, and without begin and end tokens. */
export function wordIds(tokenizer: Tokenizer, word: string): number[] {
  const plain = (text: string) => tokenizer.encode(text, { special: false, parseSpecial: false });
  const ids = plain(word);
  // SentencePiece's tokenizers put the space there themselves
  const hasSpace = ids[0] !== undefined && tokenizer.tokenOf(ids[0]).startsWith('▁');
  return hasSpace ? ids : plain(` ${word}`);
}

/** The id with which texts begin: a position that others can rest on. @throws CriaError when the tokenizer has none. */
export function beginningId({ special }: Tokenizer, where: string): number {
  const id = special.bos ?? special.eos[0];
  if (id === undefined) throw new CriaError('the tokenizer has neither a begin nor an end token', { where });
  return id;
}

/** The id of a new line. @throws CriaError when the tokenizer has none. */
export function newlineId(tokenizer: Tokenizer, where: string): number {
  const id = tokenizer.encode('\n', { special: false }).at(-1);
  if (id === undefined) throw new CriaError('the tokenizer has no token for a new line', { where });
  return id;
}
