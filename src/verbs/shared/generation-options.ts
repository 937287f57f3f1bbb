import type { GenerateOptions } from '../../generate/index.ts';
import { integer, number, type OptionValues, repeated, text } from '../../options/index.ts';

/** How text is generated: what generate and chat share. */
export const generationOptions = {
  maxTokens: integer('the most tokens to generate', { default: 256, min: 1 }),
  temperature: number('0 takes the likeliest token; 1 samples as the model says', { default: 0, min: 0 }),
  topK: integer('only the k likeliest tokens; 0 is all', { default: 0, min: 0 }),
  topP: number('only the likeliest tokens of this probability together', { default: 1, min: 0, max: 1 }),
  minP: number('only tokens at least this likely, relative to the likeliest', { default: 0, min: 0, max: 1 }),
  repeatPenalty: number('divides the logits of tokens that stand in the text already; 1 is none', {
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
