import { CriaError, randomFrom } from '../base/index.ts';
import type { Cache, IncrementalDecoder, LoadedModel } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type FinishReason, type GenerateOptions, mostTokens } from './generate.ts';
import { sample, samplingFrom } from './sampling.ts';
import { textOfIds } from './stop-matcher.ts';

export interface BatchResult {
  readonly ids: readonly number[];
  readonly text: string;
  readonly finishReason: FinishReason;
}

/**
 * Continues several prompts in one pass of the model a token. Each has a random stream of its own (seed + its
 * place), so a text does not depend on its neighbours; only where the context ends it ends for all, behind the longest
 * prompt. Observers are not asked. `cached` must have been opened for as many texts.
 * @throws CriaError when an option is out of range or a prompt does not fit.
 */
export async function generateBatch(
  model: LoadedModel,
  tokenizer: Tokenizer,
  cached: IncrementalDecoder,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<BatchResult[]> {
  const sampling = samplingFrom(options);
  if (prompts.length === 0) throw new CriaError('no prompts were given', { remedy: 'give at least one' });
  const most = mostTokens(model, Math.max(...prompts.map((ids) => ids.length)), options.maxTokens);
  const size = model.config.vocabulary;
  const ends = new Set(tokenizer.special.eos);
  const rows = prompts.map((prompt, i) => ({
    history: [...prompt],
    ids: [] as number[],
    text: '',
    written: textOfIds(tokenizer, options.stop),
    random: randomFrom((options.seed ?? 0) + i),
    reason: undefined as FinishReason | undefined,
  }));
  const cache = cached.cache();
  let next = prompts;
  for (let step = 0; step < most && rows.some((row) => !row.reason); step++) {
    const logits = await extend(cached, cache, next, options.signal);
    for (const [i, row] of rows.entries()) {
      if (row.reason) continue;
      if (!logits) {
        row.reason = 'cancelled';
        continue;
      }
      const id = sample(logits.subarray(i * size, (i + 1) * size), row.history, sampling, row.random);
      row.ids.push(id);
      row.history.push(id);
      const seen = ends.has(id) ? undefined : row.written.push(id);
      row.text += seen?.text ?? '';
      if (!seen) row.reason = 'end';
      else if (seen.stopped) row.reason = 'stop';
    }
    next = rows.map((row) => [row.history.at(-1) as number]);
  }
  return rows.map(({ ids, text, written, reason = 'length' }) => ({
    ids,
    text: reason === 'stop' ? text : text + written.finish(),
    finishReason: reason,
  }));
}

/** The logits after further tokens; nothing when it was cancelled. */
async function extend(
  cached: IncrementalDecoder,
  cache: Cache,
  texts: readonly (readonly number[])[],
  signal: AbortSignal | undefined,
): Promise<Float32Array | undefined> {
  if (signal?.aborted) return undefined;
  try {
    return await cached.extend(cache, texts, signal);
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}
