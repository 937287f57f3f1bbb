import { allFinite, CriaError, throwIfAborted } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import { prefixNames } from '../architecture/positions.ts';
import { promptIds, virtualTokens } from '../weights/adapters.ts';
import { type Cache, emptyCache } from './cache.ts';
import { maskFeeds, positionsIn } from './cache-feeds.ts';
import { openForward } from './forward.ts';
import { byLayerDecoderPlan } from './incremental-by-layer.ts';
import { chunk } from './incremental-plan.ts';
import { wholeDecoderPlan } from './incremental-whole.ts';
import { generationNeed, usualTokens } from './memory-estimate.ts';
import type { LoadedModel, Plan } from './open.ts';
import { rotations } from './rope-feeds.ts';
import { checkTexts, type Texts } from './texts.ts';

/** A model that reads texts piece by piece, keeping what it has read in a cache. */
export interface IncrementalDecoder {
  readonly plan: Plan;
  /** A cache for the texts that has read nothing: adapters fill its start when the first text is read. */
  cache(): Cache;
  /**
   * Reads further tokens of each text into the cache and returns the logits after the last ones, [batch, vocabulary].
   * The rows may have unequal lengths only where the cache is empty: the shorter ones are padded on the left.
   * @throws CriaError when an id is not in the vocabulary or the context is full.
   */
  extend(cache: Cache, texts: Texts, signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Opens a model for reading `batch` texts at once with a cache, under the plan that its memory allows. */
export async function openIncrementalDecoder(model: LoadedModel, batch = 1): Promise<IncrementalDecoder> {
  const { config } = model;
  const plan = model.planFor(generationNeed(model, 'whole', usualTokens(config), batch).peak);
  const reader = plan === 'whole' ? await wholeDecoderPlan(model, batch) : byLayerDecoderPlan(model);
  const rotation = rotations(config);
  const start = virtualTokens(model.adaptation);
  return {
    plan,
    cache: () => emptyCache(config, batch, start),
    dispose: reader.dispose,
    async extend(cache, texts, signal) {
      const isFresh = cache.length <= cache.start;
      checkTexts(texts, model, isFresh ? 0 : cache.length - cache.start);
      const rows = padded(cache, texts, isFresh);
      const lengths = texts.map((ids, i) => {
        return isFresh ? cache.start + ids.length : cache.length + ids.length - (cache.padding[i] as number);
      });
      if (isFresh && cache.start > 0) await begin(cache, lengths, signal);
      if (isFresh) cache.pad(rows.map((row, i) => row.length - (texts[i] as readonly number[]).length));
      const logits = await read(cache, rows, lengths, signal);
      if (!allFinite(logits)) await explain(model, cache.texts);
      return logits;
    },
  };

  /** Reads rows of one length, a chunk at a time; `lengths` are those that the texts will have. */
  async function read(cache: Cache, rows: Texts, lengths: readonly number[], signal?: AbortSignal) {
    const total = (rows[0] as readonly number[]).length;
    let logits: Float32Array = new Float32Array();
    for (let from = 0; from < total; from += chunk) {
      throwIfAborted(signal);
      const count = Math.min(chunk, total - from);
      const ids = rows.map((row) => row.slice(from, from + count));
      cache.reserve(count);
      const where = { ...rotation(positionsIn(cache, count), lengths), ...maskFeeds(config, cache, count) };
      logits = await reader.step(cache, ids, where);
      cache.advance(ids);
    }
    return logits;
  }

  /** Fills a cache with what stands in front of every text: the prefix, then what the prompt's tokens give. */
  async function begin(cache: Cache, lengths: readonly number[], signal?: AbortSignal): Promise<void> {
    cache.truncate(0);
    cache.pad(lengths.map(() => 0));
    fillPrefix(model, cache);
    const prompt = promptIds(model);
    if (prompt.length > 0)
      await read(
        cache,
        lengths.map(() => prompt),
        lengths,
        signal,
      );
  }
}

/** Writes the prefix of the adapters into an empty cache, the same for every text. */
function fillPrefix({ config, adaptation }: LoadedModel, cache: Cache): void {
  const { prefixTokens, values } = adaptation;
  if (prefixTokens === 0) return;
  const size = config.keyValueHeads * config.headSize;
  cache.reserve(prefixTokens);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const part of ['key', 'value'] as const) {
      const rows = (values.get(prefixNames(layer)[part]) as Value<'f32'>).data;
      const { data } = cache.part(layer, part, 0, prefixTokens);
      for (let at = 0; at < prefixTokens * cache.batch; at++) {
        const from = Math.floor(at / cache.batch) * size;
        data.set(rows.subarray(from, from + size), at * size);
      }
    }
  }
  cache.advance(Array.from({ length: cache.batch }, () => Array<number>(prefixTokens).fill(0)));
}

/** Reads whole texts once more, and throws the sentence that names the tensor or the block to which numbers that are not finite go back. */
async function explain(model: LoadedModel, texts: Texts): Promise<never> {
  const forward = await openForward(model, { precision: 'f32' });
  try {
    const { lastHidden } = await forward.run(texts);
    await forward.logits(lastHidden.data);
  } finally {
    await forward.dispose();
  }
  throw new CriaError('the logits are not finite numbers', { where: model.path, kind: 'failure' });
}

/** Rows of one length: where no text has been read the shorter ones are padded on the left. */
function padded(cache: Cache, texts: Texts, isFresh: boolean): Texts {
  if (texts.length !== cache.batch) {
    throw new CriaError(`${texts.length} texts for a cache of ${cache.batch}`, { kind: 'failure' });
  }
  const longest = Math.max(...texts.map((ids) => ids.length));
  if (!isFresh && texts.some((ids) => ids.length !== longest)) {
    throw new CriaError('texts of unequal lengths cannot continue a cache', { kind: 'failure' });
  }
  return texts.map((ids) => [...Array<number>(longest - ids.length).fill(ids[0] ?? 0), ...ids]);
}
