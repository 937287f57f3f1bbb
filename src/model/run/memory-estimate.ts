import type { Config } from '../architecture/config.ts';
import { layerPrefix, weightShapes } from '../architecture/names.ts';
import type { Precision } from '../weights/packing.ts';
import { chunk } from './incremental-plan.ts';
import type { LoadedModel, Plan } from './open.ts';
import { stagesOf, sumOf } from './stages.ts';

/** Bytes that a run takes besides the program itself: at most, which is often while it opens the model, and from then on. */
export interface MemoryNeed {
  readonly peak: number;
  readonly steady: number;
}

/** Bytes of the program: Node, the runtime and a tokenizer, by the sizes of the vocabularies of today's models. */
export function programBytes({ vocabulary }: Pick<Config, 'vocabulary'>): number {
  return 150e6 + 600 * vocabulary;
}

/** What generation takes of the memory: weights under a plan, and keys and values of `tokens` positions of each text. */
export function generationNeed(
  model: Pick<LoadedModel, 'config' | 'bound'>,
  plan: Plan,
  tokens: number,
  batch = 1,
): MemoryNeed {
  const { config } = model;
  const besides = batch * (cacheBytes(config, tokens) + readingBytes(config, tokens));
  if (plan === 'by-layer') {
    const bytes = blockBytes(config) + headBytes(config) + besides;
    return { peak: bytes, steady: bytes };
  }
  const { steady, peak } = stagesOf(model);
  return { peak: Math.max(peak, steady + besides), steady: steady + besides };
}

/**
 * What reading whole texts takes: weights, and the activations of `tokens`. Float32 weights are given to each run as they
 * are; packed ones to one session, which copies them while it is made.
 */
export function scoringNeed(
  { config, bound }: Pick<LoadedModel, 'config' | 'bound'>,
  plan: Plan,
  tokens: number,
  precision: Precision = 'f32',
): MemoryNeed {
  const activations = activationBytes(config, tokens);
  if (plan === 'by-layer') {
    const bytes = blockBytes(config) + headBytes(config) + activations;
    return { peak: bytes, steady: bytes };
  }
  const weights = bound(precision);
  if (!weights.packed) return { peak: weights.bytes + activations, steady: weights.bytes + activations };
  const held = sumOf([...weightShapes(config).keys()].map(weights.sizeOf));
  return { peak: Math.max(2 * held.given, activations) + held.held, steady: held.held + activations };
}

const headBytes = ({ vocabulary, hiddenSize }: Config): number => 4 * vocabulary * hiddenSize;

/** Float32 bytes of the largest block. */
function blockBytes(config: Config): number {
  const shapes = [...weightShapes(config)].filter(([name]) => name.startsWith(layerPrefix(0)));
  return shapes.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 4), 0);
}

/** Float32 bytes of a block's activations while a piece of a text is read behind the `tokens` before it. */
function readingBytes({ hiddenSize, intermediateSize, heads, headSize }: Config, tokens: number): number {
  const rows = Math.min(tokens, chunk);
  return 4 * rows * (4 * hiddenSize + 3 * intermediateSize + 4 * heads * headSize + heads * tokens);
}

/** For so many tokens room is kept beside the weights, where the model takes as many. */
export const usualTokens = ({ context }: Pick<Config, 'context'>): number => Math.min(context, 4096);

/** Bytes of keys and values of `positions` positions of one text. */
function cacheBytes({ layers, keyValueHeads, headSize }: Config, positions: number): number {
  return positions * layers * 2 * keyValueHeads * headSize * 4;
}

/** Float32 bytes of what one block holds at once of a text of `tokens` tokens, and of 256 rows of logits. */
function activationBytes(
  { hiddenSize, intermediateSize, heads, headSize, vocabulary }: Config,
  tokens: number,
): number {
  const perToken = 4 * hiddenSize + 3 * intermediateSize + 4 * heads * headSize + heads * tokens; // the last: attention scores
  return 4 * (tokens * perToken + 256 * vocabulary);
}
