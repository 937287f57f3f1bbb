import type { GenerateOptions } from '../../generate/index.ts';
import { integer, number, type OptionValues, repeated, text } from '../../options/index.ts';

/** How text is generated: what generate and chat share. */
export const generationOptions = {
  maxTokens: integer('maximum tokens to generate', { default: 256, min: 1 }),
  temperature: number('sampling temperature; 0 is greedy decoding', { default: 0, min: 0 }),
  topK: integer('sample from the k most likely tokens; 0 for all', { default: 0, min: 0 }),
  topP: number('sample from the most likely tokens with this total probability', { default: 1, min: 0, max: 1 }),
  minP: number('minimum probability relative to the most likely token', { default: 0, min: 0, max: 1 }),
  repeatPenalty: number('repetition penalty; 1 disables it', {
    default: 1,
    min: 0.01,
  }),
  stop: repeated(text('a string that ends the text; repeatable')),
};

/** The same as the generate room takes it. */
export function generateOptions(
  options: OptionValues<typeof generationOptions> & { readonly seed: number },
  signal: AbortSignal,
): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, stop, seed } = options;
  return { maxTokens, temperature, topK, topP, minP, repeatPenalty, stop, seed, signal };
}
