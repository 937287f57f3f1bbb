import { dimOf, div, gather, greater, input, reshape, scalar, sub, where } from '../../tensor/index.ts';
import type { Weights } from './weights.ts';

/** The input that a soft prompt adds to a graph, [tokens, width]. */
export const promptName = 'prompt:embeddings';

/**
 * Weights whose embedding table is continued by the rows of a soft prompt: the ids from `rows` on. The prompt is given
 * as the first block reads it, so that it is divided by the scale with which a decoder multiplies embeddings.
 */
export function promptWeights(base: Weights, tokens: number, embeddingScale: number): Weights {
  return {
    ...base,
    embedding: (name, rows, width) => {
      const table = base.embedding(name, rows, width);
      return (ids) => {
        const first = scalar(rows, 'i64');
        const none = scalar(0, 'i64');
        const virtual = greater(ids, scalar(rows - 1, 'i64'));
        const prompt = input(promptName, 'f32', [tokens, width]);
        const unscaled = embeddingScale === 1 ? prompt : div(prompt, Math.fround(embeddingScale));
        const rowsOfPrompt = gather(unscaled, where(virtual, sub(ids, first), none));
        const isVirtual = reshape(virtual, [dimOf(ids, 0), dimOf(ids, 1), 1]);
        return where(isVirtual, rowsOfPrompt, table(where(virtual, none, ids)));
      };
    },
  };
}
