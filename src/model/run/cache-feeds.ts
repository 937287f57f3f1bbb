import { type Value, type Values, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { maskInputs } from '../architecture/positions.ts';

/**
 * Additive masks [1, 1, 1, count, length + count] for `count` tokens behind `length` positions: 0 where a position may
 * look, -infinity where it may not.
 */
export function maskFeeds(config: Config, length: number, count: number): Values {
  const feeds: Record<string, Value> = {};
  for (const window of new Set(config.slidingWindows)) {
    feeds[window ? maskInputs.window : maskInputs.full] = mask(length, count, window ?? Number.POSITIVE_INFINITY);
  }
  return feeds;
}

function mask(length: number, count: number, window: number): Value<'f32'> {
  const total = length + count;
  const data = new Float32Array(count * total);
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * total, (i + 1) * total);
    const own = length + i;
    row.fill(Number.NEGATIVE_INFINITY, 0, Math.max(0, own - window + 1));
    row.fill(Number.NEGATIVE_INFINITY, own + 1);
  }
  return value('f32', [1, 1, 1, count, total], data);
}
