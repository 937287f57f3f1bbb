import {
  add,
  concat,
  gather,
  input,
  matmulByPosition,
  mul,
  reshape,
  softmax,
  split,
  type Tensor,
  transpose,
} from '../../tensor/index.ts';
import type { Config } from './config.ts';
import { headLayout } from './layer.ts';
import { type CachedPositions, freshNames, maskInputs, pastNames, rotation } from './positions.ts';

/** The inputs of a run over slots besides those of each slot. */
export const slotInputs = {
  /** Rows that stand for the slots without a token, so that there is one more row than slots. */
  spare: 'slot:spare',
  /** The slot of each token. */
  rows: 'slot:rows',
} as const;

/** What an input or a result of one slot is called. */
export const inSlot = (name: string, slot: number) => `${name}@${slot}`;

/**
 * One further token of each of up to `count` sequences, ids [1, seq]: linear maps read the tokens together, and each token
 * attends to the keys and values of its own sequence, [total, 1, heads, 1, size] an input for each slot and layer, which hold the
 * room for its own ones. The products of attention are therefore those of a sequence alone, in shape and order of sums.
 * A slot without a token reads a row of its own that nobody needs.
 *
 * New keys and values are results written into that room; they are split from one tensor together with the query,
 * so that no product can run before they are in place (see `cachedPositions`).
 */
export function slotPositions(config: Config, count: number): CachedPositions {
  const { heads, keyValueHeads, headSize } = config;
  const { scale } = headLayout(config);
  const group = heads / keyValueHeads;
  const fresh: Record<string, Tensor> = {};
  const spare = input(slotInputs.spare, 'f32', ['spare', 1, keyValueHeads, group + 2, headSize]);
  const rows = input(slotInputs.rows, 'i64', ['seq']);
  const perHead = (x: Tensor, each: number) => reshape(x, ['seq', 1, keyValueHeads, each, headSize]);
  const ones = (length: number) => Array<number>(length).fill(1);
  return {
    fresh,
    rotate: rotation(config, 'seq', 1),
    attend(query, key, value, layer) {
      const own = concat([perHead(mul(query, scale), group), perHead(key, 1), perHead(value, 1)], 3);
      const tokens = split(concat([own, spare], 0), 0, ones(count + 1));
      const mixed = tokens.slice(0, count).map((token, slot) => {
        const [q, k, v] = split(token, 3, [group, 1, 1]) as readonly [Tensor, Tensor, Tensor];
        fresh[inSlot(freshNames(layer).key, slot)] = k;
        fresh[inSlot(freshNames(layer).value, slot)] = v;
        const held = (name: string) =>
          input(inSlot(name, slot), 'f32', [`total${slot}`, 1, keyValueHeads, 1, headSize]);
        const scores = matmulByPosition(q, held(pastNames(layer).key), 'size');
        const mask = input(inSlot(maskInputs.window, slot), 'f32', [1, 1, 1, 1, `total${slot}`]);
        const weights = softmax(config.slidingWindows[layer] ? add(scores, mask) : scores);
        return matmulByPosition(weights, held(pastNames(layer).value), 'positions');
      });
      const bySlot = transpose(concat(mixed, 3), [0, 3, 1, 2, 4]);
      return reshape(gather(reshape(bySlot, [count, heads * headSize]), rows), [1, 'seq', heads * headSize]);
    },
  };
}
