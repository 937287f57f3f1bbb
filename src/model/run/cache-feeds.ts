import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { maskInputs } from '../architecture/positions.ts';
import type { Cache } from './cache.ts';

/** The positions of the next `count` tokens of each text, counted from the start of the cache without padding: [batch][count]. */
export function positionsIn(cache: Cache, count: number): number[][] {
  return cache.padding.map((pad) => Array.from({ length: count }, (_, i) => Math.max(0, cache.length + i - pad)));
}

/** Additive masks [batch, 1, 1, seq, total]: 0 where a position may look, -infinity where it may not. */
export function maskFeeds(config: Config, cache: Cache, count: number): Readonly<Record<string, Value>> {
  const windows = [...new Set(config.slidingWindows)];
  const feeds: Record<string, Value> = {};
  for (const window of windows) {
    feeds[window ? maskInputs.window : maskInputs.full] = mask(cache, count, window ?? Number.POSITIVE_INFINITY);
  }
  return feeds;
}

function mask(cache: Cache, count: number, window: number): Value<'f32'> {
  const { batch, length, padding, start } = cache;
  const total = length + count;
  const data = new Float32Array(batch * count * total);
  for (let b = 0; b < batch; b++) {
    const pad = padding[b] as number;
    const first = start + pad; // where the text begins
    for (let i = 0; i < count; i++) {
      const row = data.subarray((b * count + i) * total, (b * count + i + 1) * total);
      const own = length + i;
      // a row that is padding itself looks at itself: no position may be left without anything to see
      const isPadding = own >= start && own < first;
      row.fill(Number.NEGATIVE_INFINITY, 0, isPadding ? own : Math.max(0, Math.min(start, own - pad - window + 1)));
      if (!isPadding) row.fill(Number.NEGATIVE_INFINITY, start, Math.max(first, own - window + 1));
      row.fill(Number.NEGATIVE_INFINITY, own + 1);
    }
  }
  return value('f32', [batch, 1, 1, count, total], data);
}
