import type { Plan, Precision } from '../model/index.ts';
import { withModel } from './shared/with-model.ts';

/** What a verb takes of the memory when it runs. */
interface Need {
  readonly verb: 'generate' | 'score';
  readonly weights: Precision;
  /** `whole` holds all weights, `by-layer` one block's and the head's. */
  readonly plan: Plan;
  /** The most that the process takes, for weights, the keys and values (generate) or activations (score) of `context` tokens, and the program. */
  readonly bytes: number;
  /** What it takes once the model is open. */
  readonly steady: number;
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
  const { fits, generationNeed, precisions, programBytes, scoringNeed, usualTokens } = await import(
    '../model/index.ts'
  );
  return withModel({ model: path, adapter: adapters }, async ({ model }) => {
    const { config } = model;
    const tokens = context ?? usualTokens(config);
    const available = availableMemory();
    const program = programBytes(config);
    const need = (verb: Need['verb'], weights: Precision, plan: Plan): Need => {
      const at = { config, bound: (precision = weights) => model.bound(precision) };
      const { peak, steady } = (verb === 'generate' ? generationNeed : scoringNeed)(at, plan, tokens);
      return { verb, weights, plan, bytes: program + peak, steady: program + steady, fits: fits(peak, available) };
    };
    const needs = [
      ...precisions.map((precision) => need('generate', precision, 'whole')),
      need('generate', 'f32', 'by-layer'),
      need('score', 'f32', 'whole'),
      need('score', 'f32', 'by-layer'),
    ];
    return { memory: { context: tokens, available, needs }, longest: config.context };
  });
}
