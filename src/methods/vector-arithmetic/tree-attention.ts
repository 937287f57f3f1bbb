import type { Config } from '../../model/index.ts';
import { headLayout, type Positions, positionInputs, rotation } from '../../model/index.ts';
import {
  add,
  causalMask,
  concat,
  type Dim,
  dimOf,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  sum,
  type Tensor,
  timesDim,
  toEnd,
  transpose,
} from '../../tensor/index.ts';

/** A layer's rotated keys and its values of whole texts, [batch, seq, keyValueHeads * size]. */
export interface TextMemory {
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * Several endings of each text side by side, [batch, branches * count, ...]: each takes the place of the text's last
 * `count` positions. It sees the positions before them, which the branches share, and itself. Where the positions
 * stand is the input `positionInputs.branches`, i64 [batch * branches, count]. (Tree attention: Miao et al. 2024)
 */
export function branchPositions(config: Config, batch: number, count: number, memory: TextMemory): Positions {
  const { heads, keyValueHeads, headSize, scale } = headLayout(config);
  const group = heads / keyValueHeads;
  const rows = timesDim(group, 'branches');
  const all = timesDim(batch, 'branches');
  const rotate = rotation(config, count, all, positionInputs.branches);
  return {
    // each branch as a text of its own: the kernel takes no more positions in a row than its table has
    rotate: (x, heads, layer) => reshape(rotate(reshape(x, [all, count, dimOf(x, 2)]), heads, layer), x.shape),
    attend(query, key, value, layer) {
      const past = { key: before(memory.key), value: before(memory.value) };
      const seen = dimOf(past.key, 2);
      const [queries, keys, values] = [apart(query, group), apart(key, 1), apart(value, 1)];
      const mixed = queries.map((q, i) => {
        const scores = matmul(flat(q, headSize), past.key, { transB: true, scale });
        const window = config.slidingWindows[layer];
        const open = window ? add(scores, windowMask(window, i, seen)) : scores;
        const own = keys.slice(0, i + 1).map((k) => flat(mul(sum(mul(q, k), [-1], true), scale), 1));
        const weights = softmax(concat([open, ...own], -1));
        const fromPast = matmul(slice(weights, -1, 0, -(i + 1), seen), past.value);
        return values.slice(0, i + 1).reduce(
          (total, v, j) => {
            const at = j - i - 1;
            const weight = tall(slice(weights, -1, at, at + 1 || toEnd, 1), 1);
            return add(total, mul(weight, v));
          },
          tall(fromPast, headSize),
        );
      });
      // [batch, keyValueHeads, group, branches, size] each -> [batch, branches * count, heads * size]
      const together = mixed.map((x) =>
        reshape(transpose(x, [0, 3, 1, 2, 4]), [batch, 'branches', 1, heads * headSize]),
      );
      return reshape(concat(together, 2), query.shape);
    },
  };

  /** The positions before the branches: [batch, keyValueHeads, seq - count, size]. */
  function before(x: Tensor): Tensor {
    const part = slice(x, 1, 0, -count);
    return transpose(reshape(part, [batch, dimOf(part, 1), keyValueHeads, headSize]), [0, 2, 1, 3]);
  }

  /** The positions of a branch one by one: [batch, keyValueHeads, perKey, branches, size] each. */
  function apart(x: Tensor, perKey: number): Tensor[] {
    const split = reshape(x, [batch, 'branches', count, keyValueHeads, perKey, headSize]);
    return Array.from({ length: count }, (_, i) => {
      const one = reshape(slice(split, 2, i, i + 1), [batch, 'branches', keyValueHeads, perKey, headSize]);
      return transpose(one, [0, 2, 3, 1, 4]);
    });
  }

  function flat(x: Tensor, size: Dim): Tensor {
    return reshape(x, [batch, keyValueHeads, rows, size]);
  }

  function tall(x: Tensor, size: Dim): Tensor {
    return reshape(x, [batch, keyValueHeads, group, 'branches', size]);
  }

  /** What position `i` of a branch may see of the text before: [1, seq - count]. */
  function windowMask(window: number, i: number, seen: Dim): Tensor {
    const row = slice(causalMask(memory.key, window), 0, i - count, i - count + 1 || toEnd, 1);
    return slice(row, 1, 0, -count, seen);
  }
}
