import {
  add,
  byPosition,
  causalAttention,
  causalMask,
  concat,
  type Dim,
  dimOf,
  gather,
  input,
  maskedAttention,
  memoryAttention,
  mul,
  positionsAlong,
  reshape,
  rotary,
  sizeOf,
  split,
  type Tensor,
} from '../../tensor/index.ts';
import type { Config } from './config.ts';
import { headLayout, type Positions } from './layer.ts';

/** The inputs that tell a graph where its positions are: see rope-feeds.ts. */
export const positionInputs = {
  positions: 'positions',
  branches: 'positions:branches',
  cos: 'rope:cos',
  sin: 'rope:sin',
  windowCos: 'rope:window:cos',
  windowSin: 'rope:window:sin',
} as const;

/** The rotation by the positions [batch, seq] that are the input `named`. */
export function rotation(
  config: Config,
  seq: Dim,
  batch: Dim,
  named: string = positionInputs.positions,
): Positions['rotate'] {
  const table = (name: string, rotated: number) => input(name, 'f32', ['rope', rotated / 2]);
  const positions = input(named, 'i64', [batch, seq]);
  const cos = table(positionInputs.cos, config.rope.rotated);
  const sin = table(positionInputs.sin, config.rope.rotated);
  if (config.windowRope === config.rope) return (x, heads) => rotary(x, positions, cos, sin, heads);
  const windowCos = table(positionInputs.windowCos, config.windowRope.rotated);
  const windowSin = table(positionInputs.windowSin, config.windowRope.rotated);
  return (x, heads, layer) =>
    config.slidingWindows[layer]
      ? rotary(x, positions, windowCos, windowSin, heads)
      : rotary(x, positions, cos, sin, heads);
}

/** The names of a layer's keys and values that stand before every text, [tokens, keyValueHeads * size]. */
export const prefixNames = (layer: number) => ({ key: `prefix.${layer}.key`, value: `prefix.${layer}.value` });

/**
 * A text from its start, without a cache: ids [batch, seq], shorter texts padded on the right. With `prefix` tokens
 * every layer attends to as many keys and values before the text, which are inputs; they take the first positions.
 */
export function freshPositions(config: Config, batch: Dim = 'batch', seq: Dim = 'seq', prefix = 0): Positions {
  const layout = headLayout(config);
  const size = config.keyValueHeads * config.headSize;
  const behind = (name: string, now: Tensor): Tensor => {
    const rows = input(name, 'f32', [prefix, size]);
    const texts = mul(reshape(positionsAlong(now, 0), [dimOf(now, 0), 1]), 0);
    return concat([gather(rows, add(texts, positionsAlong(rows, 0))), now], 1); // the same rows for every text
  };
  return {
    rotate: rotation(config, seq, batch),
    attend(query, key, value, layer, taps) {
      const window = config.slidingWindows[layer];
      const wanted = taps.wants('attention.pattern');
      const see = (pattern: Tensor) => (wanted ? taps.at('attention.pattern', pattern) : pattern);
      if (prefix > 0) {
        const names = prefixNames(layer);
        const [keys, values] = [behind(names.key, key), behind(names.value, value)];
        return maskedAttention(query, keys, values, causalMask(query, window, prefix), layout, see);
      }
      if (!wanted) return causalAttention(query, key, value, layout, window);
      return maskedAttention(query, key, value, causalMask(query, window), layout, see);
    },
  };
}

/** The names of a layer's keys and values: those that are there as inputs, those of the new positions as results. */
export const pastNames = (layer: number) => ({ key: `past.${layer}.key`, value: `past.${layer}.value` });
export const freshNames = (layer: number) => ({ key: `fresh.${layer}.key`, value: `fresh.${layer}.value` });
export const maskInputs = { full: 'mask', window: 'mask:window' } as const;

/** Positions that follow a cache, and the keys and values of the new ones as results by name. */
export interface CachedPositions extends Positions {
  readonly fresh: Readonly<Record<string, Tensor>>;
}

/**
 * Positions that follow a cache. Its keys and values are [positions, batch, heads, 1, size] a layer; the additive
 * mask is [batch, 1, 1, seq, total] (and one for layers with a window). New keys and values are results,
 * [seq, batch, heads * size].
 *
 * `inPlace` is for devices that compute in the memory of the program: the input is then the cache with the room for
 * the new positions, which the run fills in as results before it reads them. Nothing is copied. They are split
 * from one tensor together with the queries, so that no product can run before they are in place. Elsewhere the
 * input is the cache alone, and new positions are joined to it.
 */
export function cachedPositions(config: Config, batch: Dim, inPlace: boolean): CachedPositions {
  const { keyValueHeads, headSize } = config;
  const layout = headLayout(config);
  const mask = (name: string) => input(name, 'f32', [batch, 1, 1, 'seq', inPlace ? 'total' : 'past+seq']);
  const masks = { full: mask(maskInputs.full), window: mask(maskInputs.window) };
  const fresh: Record<string, Tensor> = {};
  return {
    fresh,
    rotate: rotation(config, 'seq', batch),
    attend(query, key, value, layer) {
      const [q, k, v] = inPlace
        ? fromOne([query, key, value])
        : ([byPosition(query), byPosition(key), byPosition(value)] as const);
      const [names, results] = [pastNames(layer), freshNames(layer)];
      fresh[results.key] = k;
      fresh[results.value] = v;
      const memory = { key: memoryOf(names.key, k), value: memoryOf(names.value, v) };
      return memoryAttention(q, memory, config.slidingWindows[layer] ? masks.window : masks.full, layout);
    },
  };

  function memoryOf(name: string, now: Tensor): Tensor {
    const held = input(name, 'f32', [inPlace ? 'total' : 'past', batch, keyValueHeads, 1, headSize]);
    return inPlace ? held : concat([held, reshape(now, [dimOf(now, 0), batch, keyValueHeads, 1, headSize])], 0);
  }
}

/** Tensors by position as pieces of one: what reads any of them runs after all of them are there. */
function fromOne(tensors: readonly [Tensor, Tensor, Tensor]): readonly [Tensor, Tensor, Tensor] {
  const sizes = tensors.map((tensor) => sizeOf(tensor, -1));
  return split(byPosition(concat(tensors, -1)), -1, sizes) as unknown as [Tensor, Tensor, Tensor];
}
