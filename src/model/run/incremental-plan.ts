import { type Device, type Value, type Values, value } from '../../engine/index.ts';
import { freshNames, pastNames } from '../architecture/positions.ts';
import type { Cache } from './cache.ts';
import type { LoadedModel } from './open.ts';
import type { Texts } from './texts.ts';

/** Positions read at once: scores of 9 heads over 8,192 positions then take 150 MB. */
export const chunk = 512;

/** Reads one piece [batch, count] whose positions are known; keys and values go into the cache's room. */
export interface DecoderPlan {
  step(cache: Cache, ids: Texts, where: Values): Promise<Float32Array>;
  dispose(): Promise<void>;
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
