import { type Value, value } from '../engine/index.ts';
import type { Cache } from './cache.ts';
import type { Config } from './config.ts';
import { maskInputs } from './positions.ts';

/** The positions of the next `count` tokens of each text, counted from the text's own beginning: [batch][count]. */
export function positionsIn(cache: Cache, count: number): number[][] {
  return cache.padding.map((pad) => Array.from({ length: count }, (_, i) => Math.max(0, cache.length + i - pad)));
}

/** Additive masks [batch, 1, 1, seq, total]: 0 where a position may look, -infinity where it may not. */
export function maskFeeds(config: Config, cache: Cache, count: number): Readonly<Record<string, Value>> {
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
