import type { Checkpoint } from '../../checkpoint/index.ts';
import type { Config, Plan, Precision } from '../../model/index.ts';

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

const usualContext = 4096;

/**
 * The memory that verbs need for `context` tokens, from the headers alone.
 * @throws CriaError when the architecture is not supported.
 */
export async function memoryOf(checkpoint: Checkpoint, context: number | undefined): Promise<Memory> {
  const { availableMemory } = await import('../../engine/index.ts');
  const { bindWeights, cacheBytes, configFrom, fits, precisions } = await import('../../model/index.ts');
  const config = configFrom(checkpoint.config, checkpoint.path);
  const tokens = context ?? Math.min(usualContext, config.context);
  const available = availableMemory();
  const weights = (precision: Precision) => bindWeights(checkpoint, config, precision).bytes;
  const [cache, activations, block] = [
    cacheBytes(config, tokens),
    activationBytes(config, tokens),
    await blockBytes(config),
  ];
  const need = (verb: Need['verb'], precision: Precision, plan: Plan, bytes: number): Need => {
    return { verb, weights: precision, plan, bytes, fits: fits(bytes, available) };
  };
  return {
    context: tokens,
    available,
    needs: [
      ...precisions.map((precision) => need('generate', precision, 'whole', weights(precision) + cache)),
      need('generate', 'f32', 'by-layer', block + cache),
      need('score', 'f32', 'whole', weights('f32') + activations),
      need('score', 'f32', 'by-layer', block + activations),
    ],
  };
}

/** Float32 bytes of the largest block and of the head. */
async function blockBytes(config: Config): Promise<number> {
  const { layerShapes } = await import('../../model/index.ts');
  let values = config.vocabulary * config.width;
  for (const shape of layerShapes(config).values()) values += shape.reduce((product, size) => product * size, 1);
  return 4 * values;
}

/** Float32 bytes of what one block holds at once of `tokens` tokens, and of 256 rows of logits. */
function activationBytes({ width, intermediate, heads, headSize, vocabulary }: Config, tokens: number): number {
  const perToken = 4 * width + 3 * intermediate + 4 * heads * headSize + heads * tokens; // the last: attention scores
  return 4 * (tokens * perToken + 256 * vocabulary);
}
