import type { IncrementalDecoder, LoadedModel, Sequence } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { openConversation, type Slots } from './slots.ts';
import type { FinishReason, Generated, GenerateOptions, Written } from './types.ts';

/** A model with what it has read: a conversation continues without reading its beginning again. It writes one text at a time. */
export interface Session {
  readonly model: LoadedModel;
  readonly slots: Slots;
  /** The text that was read last. */
  readonly read: Sequence;
}

/** A session that has read nothing. */
export function newSession(model: LoadedModel, tokenizer: Tokenizer, decoder: IncrementalDecoder): Session {
  const { slots, prefixes } = openConversation(model, tokenizer, decoder);
  return {
    model,
    slots,
    get read() {
      return prefixes.last;
    },
  };
}

/**
 * Continues a prompt token by token; yields text as soon as it is certain (no half characters, nothing that may
 * begin a stop string) and returns the whole. The same seed gives the same tokens.
 * @throws CriaError when an option is out of range or the prompt does not fit.
 */
export async function* generate(
  { slots }: Session,
  prompt: readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<string, Generated> {
  return yield* texts(slots.write(prompt, options));
}

export interface BatchResult {
  readonly ids: readonly number[];
  readonly text: string;
  readonly finishReason: FinishReason;
}

/**
 * Continues several prompts, as many at once as there are slots. Each has a random stream of its own (seed + its place), so a
 * text does not depend on its neighbours.
 * @throws CriaError when an option is out of range or a prompt does not fit.
 */
export async function generateBatch(
  slots: Slots,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<BatchResult[]> {
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const whole = async (prompt: readonly number[], i: number): Promise<BatchResult> => {
    const pieces = slots.write(prompt, { ...options, signal, seed: (options.seed ?? 0) + i });
    for (;;) {
      const next = await pieces.next();
      if (!next.done) continue;
      const { ids, text, finishReason } = next.value;
      return { ids, text, finishReason };
    }
  };
  const all = prompts.map(whole);
  try {
    return await Promise.all(all);
  } catch (error) {
    failed.abort(); // the others need not be written
    await Promise.allSettled(all);
    throw error;
  }
}

/** The texts of what is written, where there is some. */
async function* texts(written: AsyncGenerator<Written, Generated>): AsyncGenerator<string, Generated> {
  let next = await written.next();
  try {
    for (; !next.done; next = await written.next()) if (next.value.text) yield next.value.text;
    return next.value;
  } finally {
    if (!next.done) await written.return(next.value as never);
  }
}
