import {
  byPosition,
  cachedAttention,
  causalAttention,
  causalMask,
  type Dim,
  input,
  maskedAttention,
  repeatRows,
  rotary,
  type Tensor,
} from '../tensor/index.ts';
import type { Config } from './config.ts';
import { headLayout, type Positions } from './layer.ts';

/** The inputs that tell a graph where its positions are: see `rotaryFeeds` in run.ts. */
export const positionInputs = {
  positions: 'positions',
  cos: 'rope:cos',
  sin: 'rope:sin',
  windowCos: 'rope:window:cos',
  windowSin: 'rope:window:sin',
} as const;

function rotation(config: Config, seq: Dim, batch: Dim): Positions['rotate'] {
  const table = (name: string, rotated: number) => input(name, 'f32', ['rope', rotated / 2]);
  const positions = input(positionInputs.positions, 'i64', [batch, seq]);
  const cos = table(positionInputs.cos, config.rope.rotated);
  const sin = table(positionInputs.sin, config.rope.rotated);
  if (config.windowRope === config.rope) return (x, heads) => rotary(x, positions, cos, sin, heads);
  const windowCos = table(positionInputs.windowCos, config.windowRope.rotated);
  const windowSin = table(positionInputs.windowSin, config.windowRope.rotated);
  return (x, heads, layer) =>
    config.windows[layer] ? rotary(x, positions, windowCos, windowSin, heads) : rotary(x, positions, cos, sin, heads);
}

/** A text from its start, without a cache: ids [batch, seq], shorter texts padded on the right. */
export function freshPositions(config: Config, batch: Dim = 'batch', seq: Dim = 'seq'): Positions {
  const layout = headLayout(config);
  return {
    rotate: rotation(config, seq, batch),
    attend(query, key, value, layer, taps) {
      const window = config.windows[layer];
      if (!taps.wants('attention.pattern')) return causalAttention(query, key, value, layout, window);
      const see = (pattern: Tensor) => taps.at('attention.pattern', pattern);
      return maskedAttention(query, key, value, causalMask(query, window), layout, see);
    },
  };
}

/** The names of a layer's keys and values: of the cache as inputs, of the new positions as results. */
export const cacheNames = (layer: number) => ({ key: `past.${layer}.key`, value: `past.${layer}.value` });
export const maskInputs = { full: 'mask', window: 'mask:window' } as const;

/**
 * Positions that follow a cache: past keys and values [past, batch, heads, size] a layer, an additive mask
 * [batch, 1, seq, past+seq] (and one for layers with a window). `fresh` collects the keys and values of the new
 * positions, [seq, batch, heads, size], to be appended to the cache.
 */
export function cachedPositions(
  config: Config,
  batch: Dim = 'batch',
): Positions & { readonly fresh: readonly { readonly key: Tensor; readonly value: Tensor }[] } {
  const layout = headLayout(config);
  const group = config.heads / config.keyValueHeads;
  const mask = (name: string) => repeatRows(input(name, 'f32', [batch, 1, 'seq', 'past+seq']), group);
  const masks = { full: mask(maskInputs.full), window: mask(maskInputs.window) };
  const fresh: { key: Tensor; value: Tensor }[] = [];
  return {
    fresh,
    rotate: rotation(config, 'seq', batch),
    attend(query, key, value, layer) {
      const names = cacheNames(layer);
      const cache = (name: string) => input(name, 'f32', ['past', batch, config.keyValueHeads, config.headSize]);
      const past = { key: cache(names.key), value: cache(names.value) };
      const now = { key: byPosition(key, layout), value: byPosition(value, layout) };
      fresh.push(now);
      const chosen = config.windows[layer] ? masks.window : masks.full;
      return cachedAttention(query, now.key, now.value, past, chosen, layout);
    },
  };
}
