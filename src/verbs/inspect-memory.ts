import type { Config, Plan, Precision } from '../model/index.ts';

/** What a verb takes of the memory when it runs. */
interface Need {
  readonly verb: 'generate' | 'score';
  readonly weights: Precision;
  /** `whole` holds all weights, `by-layer` one block's and the head's. */
  readonly plan: Plan;
  /** Weights, and keys and values (generate) or activations (score) of `context` tokens. */
  readonly bytes: number;
  /** Whether it is so much less than what is free that the loader would hold it. */
  readonly fits: boolean;
}

export interface Memory {
  /** The tokens that it is told for. */
  readonly context: number;
  /** Bytes that are free. */
  readonly available: number;
  readonly needs: readonly Need[];
}

/**
 * The memory that verbs need for `context` tokens, from the headers alone, and the longest text that the model takes,
 * with adapters before it.
 * @throws CriaError when the architecture is not supported, or an adapter is of another model.
 */
export async function memoryOf(
  path: string,
  adapters: readonly string[],
  context: number | undefined,
): Promise<{ readonly memory: Memory; readonly longest: number }> {
  const { availableMemory } = await import('../engine/index.ts');
  const { activationBytes, cacheBytes, fits, loadModel, precisions, usualTokens } = await import('../model/index.ts');
  const model = loadModel(path, { adapters });
  const { config } = model;
  const tokens = context ?? usualTokens(config);
  const available = availableMemory();
  const weights = (precision: Precision) => model.bound(precision).bytes;
  const [cache, activations, block] = [
    cacheBytes(config, tokens),
    activationBytes(config, tokens),
    await blockBytes(config),
  ];
  const need = (verb: Need['verb'], precision: Precision, plan: Plan, bytes: number): Need => {
    return { verb, weights: precision, plan, bytes, fits: fits(bytes, available) };
  };
  const needs = [
    ...precisions.map((precision) => need('generate', precision, 'whole', weights(precision) + cache)),
    need('generate', 'f32', 'by-layer', block + cache),
    need('score', 'f32', 'whole', weights('f32') + activations),
    need('score', 'f32', 'by-layer', block + activations),
  ];
  model.close();
  return { memory: { context: tokens, available, needs }, longest: config.context };
}

/** Float32 bytes of the largest block and of the head. */
async function blockBytes(config: Config): Promise<number> {
  const { layerShapes } = await import('../model/index.ts');
  let values = config.vocabulary * config.hiddenSize;
  for (const shape of layerShapes(config).values()) values += shape.reduce((product, size) => product * size, 1);
  return 4 * values;
}
