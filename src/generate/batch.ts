import { CriaError, randomFrom } from '../base/index.ts';
import type { Cached, LoadedModel } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { FinishReason, GenerateOptions } from './generate.ts';
import { checkSampling, greedy, pick } from './sampling.ts';
import { stopWatch } from './stops.ts';

export interface BatchResult {
  readonly ids: readonly number[];
  readonly text: string;
  readonly finishReason: FinishReason;
}

/**
 * Continues several prompts in one pass of the model a token. Each has a random stream of its own (seed + its
 * place), so a result does not depend on its neighbours. Observers are not asked. `cached` must have been opened for
 * as many texts.
 */
export async function generateBatch(
  model: LoadedModel,
  tokenizer: Tokenizer,
  cached: Cached,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<BatchResult[]> {
  const { repeatPenalty, temperature, topK, topP, minP } = { ...greedy, ...options };
  const sampling = { repeatPenalty, temperature, topK, topP, minP };
  checkSampling(sampling);
  if (prompts.length === 0) throw new CriaError('no prompts were given', { remedy: 'give at least one' });
  const longest = Math.max(...prompts.map((ids) => ids.length));
  const most = Math.min(options.maxTokens ?? Number.POSITIVE_INFINITY, model.config.context - longest);
  const ends = new Set(tokenizer.special.eos);
  const rows = prompts.map((prompt, i) => ({
    history: [...prompt],
    ids: [] as number[],
    text: '',
    decoder: tokenizer.stream({ skipSpecial: true }),
    watch: stopWatch(options.stop ?? []),
    random: randomFrom((options.seed ?? 0) + i),
    reason: undefined as FinishReason | undefined,
  }));
  const cache = cached.cache();
  let logits = await cached.extend(cache, prompts, options.signal);
  for (let step = 0; step < most && rows.some((row) => !row.reason); step++) {
    const size = model.config.vocabulary;
    for (const [i, row] of rows.entries()) {
      if (row.reason) continue;
      const id = pick(logits.subarray(i * size, (i + 1) * size), row.history, sampling, row.random);
      row.ids.push(id);
      row.history.push(id);
      const seen = ends.has(id) ? undefined : row.watch.push(row.decoder.push(id));
      row.text += seen?.text ?? '';
      if (!seen) row.reason = 'end';
      else if (seen.stopped) row.reason = 'stop';
    }
    if (options.signal?.aborted) for (const row of rows) row.reason ??= 'cancelled';
    if (step + 1 < most && rows.some((row) => !row.reason)) {
      logits = await cached.extend(
        cache,
        rows.map((row) => [row.history.at(-1) as number]),
      );
    }
  }
  return rows.map(({ ids, text, decoder, watch, reason = 'length' }) => {
    const last = reason === 'stop' ? { text: '', stopped: true } : watch.push(decoder.finish());
    return { ids, text: text + last.text + (last.stopped ? '' : watch.rest()), finishReason: reason };
  });
}
