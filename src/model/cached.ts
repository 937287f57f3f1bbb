import { CriaError, throwIfAborted } from '../base/index.ts';
import { compile, type Device, integers, type Value, type Values, value } from '../engine/index.ts';
import { input, slice, toEnd } from '../tensor/index.ts';
import { type Cache, emptyCache } from './cache.ts';
import type { Config } from './config.ts';
import { blocks, decoder } from './decoder.ts';
import { layerStepper } from './layerwise-cached.ts';
import type { LoadedModel, Plan } from './open.ts';
import { cachedPositions, freshNames, maskInputs, pastNames, positionInputs } from './positions.ts';
import { rotaryFeeds } from './rope-feeds.ts';

/** A model that reads texts piece by piece, keeping what it has read in a cache. */
export interface Cached {
  readonly plan: Plan;
  /** An empty cache for the texts. */
  cache(): Cache;
  /**
   * Reads further tokens of each text into the cache and returns the logits after the last ones, [batch, vocabulary].
   * The rows may have unequal lengths only where the cache is empty: the shorter ones are padded on the left.
   * @throws CriaError when an id is not in the vocabulary or the context is full.
   */
  extend(cache: Cache, texts: readonly (readonly number[])[], signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Reads one piece [batch, count] whose positions are known; keys and values go into the cache's room. */
export interface Stepper {
  step(cache: Cache, ids: readonly (readonly number[])[], where: Values): Promise<Float32Array>;
  dispose(): Promise<void>;
}

const chunk = 512; // positions read at once: scores of 9 heads over 8,192 positions then take 150 MB

/** Opens a model for reading `batch` texts at once with a cache, under the plan that its memory allows. */
export async function openCached(model: LoadedModel, batch = 1): Promise<Cached> {
  const { config } = model;
  const plan = model.planFor(model.precision, cacheBytes(config, Math.min(config.context, 4096)));
  const stepper = plan === 'whole' ? await wholeStepper(model, batch) : layerStepper(model);
  const rope = rotaryFeeds(config);
  return {
    plan,
    cache: () => emptyCache(config, batch),
    dispose: stepper.dispose,
    async extend(cache, texts, signal) {
      const rows = padded(cache, texts);
      const total = (rows[0] as readonly number[]).length;
      check(model, texts, cache.length + total);
      let logits: Float32Array = new Float32Array();
      for (let from = 0; from < total; from += chunk) {
        throwIfAborted(signal);
        const count = Math.min(chunk, total - from);
        const ids = rows.map((row) => row.slice(from, from + count));
        cache.reserve(count);
        const length = cache.length + count;
        const where = { ...positionFeeds(cache, count), ...rope(length), ...maskFeeds(config, cache, count) };
        logits = await stepper.step(cache, ids, where);
        cache.advance(count);
      }
      return logits;
    },
  };
}

/** Bytes of keys and values of `positions` positions of one text. */
export function cacheBytes(config: Config, positions: number): number {
  return positions * config.layers * 2 * config.keyValueHeads * config.headSize * 4;
}

async function wholeStepper(model: LoadedModel, batch: number): Promise<Stepper> {
  const { config, device, threads } = model;
  const bound = model.bound();
  const parts = decoder(config, bound.weights);
  const positions = cachedPositions(config, batch, inPlaceOn(device));
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', [batch, 'seq'])), positions);
  const logits = parts.logits(parts.norm(slice(hidden, 1, -1, toEnd)));
  const program = await compile({ logits, ...positions.fresh }, { device, threads, weights: bound.value });
  bound.release();
  return {
    async step(cache, ids, where) {
      const count = (ids[0] as readonly number[]).length;
      const { feeds, into } = cacheFeeds(model, cache, count);
      const results = await program.run({ ...feeds, ...where, ids: integers(ids.flat(), [batch, count]) }, into);
      return (results.logits as Value<'f32'>).data;
    },
    dispose: () => program.dispose(),
  };
}

/** A cache as inputs, and the room behind it as the place of the results. */
function cacheFeeds(model: LoadedModel, cache: Cache, count: number): { feeds: Values; into: Values } {
  const feeds: Record<string, Value> = {};
  const into: Record<string, Value> = {};
  for (let layer = 0; layer < model.config.layers; layer++) {
    layerCacheFeeds(model, cache, count, layer, layer, feeds, into);
  }
  return { feeds, into };
}

/** The part of one layer, under the names that the graph of `named` has. */
export function layerCacheFeeds(
  { device }: LoadedModel,
  cache: Cache,
  count: number,
  layer: number,
  named: number,
  feeds: Record<string, Value>,
  into: Record<string, Value>,
): void {
  const { length } = cache;
  for (const part of ['key', 'value'] as const) {
    feeds[pastNames(named)[part]] = cache.part(layer, part, 0, inPlaceOn(device) ? length + count : length);
    const room = cache.part(layer, part, length, length + count);
    into[freshNames(named)[part]] = value(
      'f32',
      [count, cache.batch, room.data.length / (count * cache.batch)],
      room.data,
    );
  }
}

/** Whether a device computes in the program's own memory, so that a run may read what it has written to an input. */
export const inPlaceOn = (device: Device): boolean => device === 'cpu';

function positionFeeds(cache: Cache, count: number): Values {
  const positions = cache.padding.flatMap((pad) =>
    Array.from({ length: count }, (_, i) => Math.max(0, cache.length + i - pad)),
  );
  return { [positionInputs.positions]: integers(positions, [cache.batch, count]) };
}

/** Additive masks [batch, 1, 1, seq, total]: 0 where a position may look, -infinity where it may not. */
function maskFeeds(config: Config, cache: Cache, count: number): Values {
  const windows = [...new Set(config.windows)];
  const feeds: Record<string, Value> = {};
  for (const window of windows) {
    feeds[window ? maskInputs.window : maskInputs.full] = mask(cache, count, window ?? Number.POSITIVE_INFINITY);
  }
  return feeds;
}

function mask(cache: Cache, count: number, window: number): Value<'f32'> {
  const { batch, length, padding } = cache;
  const total = length + count;
  const data = new Float32Array(batch * count * total);
  for (let b = 0; b < batch; b++) {
    const pad = padding[b] as number;
    for (let i = 0; i < count; i++) {
      const row = data.subarray((b * count + i) * total, (b * count + i + 1) * total);
      const own = length + i;
      // a row that is padding itself looks at itself: no position may be left without anything to see
      const from = own < pad ? own : Math.max(pad, own - window + 1);
      row.fill(Number.NEGATIVE_INFINITY, 0, from);
      row.fill(Number.NEGATIVE_INFINITY, own + 1);
    }
  }
  return value('f32', [batch, 1, 1, count, total], data);
}

/** Rows of one length: where the cache is empty the shorter ones are padded on the left, and the cache told so. */
function padded(cache: Cache, texts: readonly (readonly number[])[]): readonly (readonly number[])[] {
  if (texts.length !== cache.batch) {
    throw new CriaError(`${texts.length} texts for a cache of ${cache.batch}`, { kind: 'failure' });
  }
  const longest = Math.max(...texts.map((ids) => ids.length));
  if (cache.length === 0) cache.pad(texts.map((ids) => longest - ids.length));
  else if (texts.some((ids) => ids.length !== longest)) {
    throw new CriaError('texts of unequal lengths cannot continue a cache', { kind: 'failure' });
  }
  return texts.map((ids) => [...Array<number>(longest - ids.length).fill(ids[0] ?? 0), ...ids]);
}

function check({ config, path }: LoadedModel, texts: readonly (readonly number[])[], length: number): void {
  if (texts.some((ids) => ids.length === 0)) throw new CriaError('a text has no tokens', { where: path });
  if (length > config.context) {
    const what = `${length} tokens do not fit into the context of ${config.context}`;
    throw new CriaError(what, { where: path, remedy: 'shorten the text' });
  }
  for (const ids of texts) {
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= config.vocabulary);
    if (wrong !== undefined) {
      throw new CriaError(`the id ${wrong} is not in the vocabulary of ${config.vocabulary}`, { where: path });
    }
  }
}
