import type { Config } from '../architecture/config.ts';

/** For so many tokens room is kept beside the weights, where the model takes as many. */
export const usualTokens = ({ context }: Pick<Config, 'context'>): number => Math.min(context, 4096);

/** Bytes of keys and values of `positions` positions of one text. */
export function cacheBytes({ layers, keyValueHeads, headSize }: Config, positions: number): number {
  return positions * layers * 2 * keyValueHeads * headSize * 4;
}

/** Float32 bytes of what one block holds at once of a text of `tokens` tokens, and of 256 rows of logits. */
export function activationBytes(
  { hiddenSize, intermediateSize, heads, headSize, vocabulary }: Config,
  tokens: number,
): number {
  const perToken = 4 * hiddenSize + 3 * intermediateSize + 4 * heads * headSize + heads * tokens; // the last: attention scores
  return 4 * (tokens * perToken + 256 * vocabulary);
}
