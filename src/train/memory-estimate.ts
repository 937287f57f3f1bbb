import { gibibytes } from '../base/index.ts';
import { availableMemory } from '../engine/index.ts';
import { type Config, fits, type LoadedModel, weightShapes } from '../model/index.ts';
import { type ResolvedOptions, textsAtOnce } from './resolved-options.ts';
import type { Trainable } from './trainable.ts';

/** How a model is trained: one graph, block by block with its weights in memory, or with each block's read anew. */
export type TrainingPlan = 'whole' | 'by-layer' | 'by-layer, weights from disk';

/**
 * The plan that fits into free memory, of which `others` bytes are for other models; says so where it is not the fast
 * one.
 */
export function trainingPlan(
  model: LoadedModel,
  trainable: Trainable,
  options: Pick<ResolvedOptions, 'batch' | 'accumulate' | 'sequence' | 'loss' | 'mode'>,
  others: number,
): TrainingPlan {
  const { config } = model;
  const free = availableMemory() - others;
  const texts = textsAtOnce(options) * (options.loss === 'dpo' ? 2 : 1);
  const tokens = texts * (options.sequence + trainable.adaptation.promptTokens);
  const trained = trainable.parameters.reduce((sum, { shape }) => sum + elements(shape), 0);
  // values, gradients, the runtime's copy of them, two moments, the sum over micro-batches
  const own = (options.accumulate > 1 ? 6 : 5) * 4 * trained + headBytes(config, tokens);
  const weights = options.mode === 'full' ? 0 : model.bound(trainable.precision).bytes;
  const inTheAir = passingBytes(config, tokens, options.sequence);
  const whole = weights + own + config.layers * keptBytes(config, tokens) + inTheAir;
  if (fits(whole, free)) return 'whole';
  const said = `Training needs ${gibibytes(whole)} as one graph and ${gibibytes(free)} are free: using the by-layer plan`;
  const floats = 4 * [...weightShapes(config).values()].reduce((sum, shape) => sum + elements(shape), 0);
  const byLayer = own + config.layers * 4 * tokens * config.hiddenSize + keptBytes(config, tokens) + inTheAir;
  const needed = byLayer + (options.mode === 'full' ? 0 : floats);
  const held = fits(needed, free);
  model.progress.note(`${said}${held ? '.' : ', with weights read from disk at every step.'}`);
  return held ? 'by-layer' : 'by-layer, weights from disk';
}

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Activations of a block that its gradients need. */
const keptBytes = ({ hiddenSize, intermediateSize }: Config, tokens: number): number =>
  4 * tokens * (8 * hiddenSize + 5 * intermediateSize);

/** What is computed for the gradients of a block and given up behind it: attention patterns, norms. */
const passingBytes = ({ hiddenSize, intermediateSize, heads }: Config, tokens: number, sequence: number): number =>
  4 * tokens * (8 * hiddenSize + 3 * intermediateSize + 4 * heads * sequence);

/** Logits, their logarithms, probabilities and gradients. */
const headBytes = ({ vocabulary }: Config, tokens: number): number => 4 * tokens * vocabulary * 4;
