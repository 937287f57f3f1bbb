import { dimOf, plusDim, sizeOf, timesDim } from '../dims.ts';
import { apply1, declare, type Tensor } from '../tensor.ts';
import { add, greater, less, mul, sub, where } from './elementwise.ts';
import { constant, scalar } from './leaves.ts';
import { matmul, matmulByPosition } from './matmul.ts';
import { softmax } from './normalize.ts';
import { sum } from './reduce.ts';
import { gather } from './rows.ts';
import { concat, positionsAlong, reshape, slice, toEnd, transpose } from './shape.ts';

/**
 * Rotary position embedding of halves: x [batch, seq, heads * size], positions i64 [batch, seq], tables cos and sin
 * [positions, rotated / 2]. Element i of the first half of a head and element i of the second are turned by the angle
 * of frequency i; elements beyond `rotated` stay. (Su et al. 2021, in the Hugging Face layout)
 */
export function rotary(x: Tensor, positions: Tensor, cos: Tensor, sin: Tensor, heads: number): Tensor {
  return apply1(rotaryOp, [x, positions, cos, sin], { heads });
}

const rotaryOp = declare({
  name: 'rotary',
  infer: ([x]) => [x as Tensor],
  lower(onnx, names, { inputs: [x, , cos], attributes }) {
    const heads = attributes.heads as number;
    const rotated = sizeOf(cos as Tensor, 1) * 2;
    const whole = rotated * heads === sizeOf(x as Tensor, 2);
    return onnx.op('RotaryEmbedding@ms', names, { num_heads: heads, rotary_embedding_dim: whole ? 0 : rotated });
  },
  expand([x, positions, cos, sin], attributes) {
    const [value, heads] = [x as Tensor, attributes.heads as number];
    const [batch, seq, half] = [dimOf(value, 0), dimOf(value, 1), sizeOf(cos as Tensor, 1)];
    const size = sizeOf(value, 2) / heads;
    const perHead = reshape(value, [batch, seq, heads, size]);
    const angles = (table: Tensor) => reshape(gather(table, positions as Tensor), [batch, seq, 1, half]);
    const [c, s] = [angles(cos as Tensor), angles(sin as Tensor)];
    const [first, second] = [slice(perHead, 3, 0, half), slice(perHead, 3, half, 2 * half)];
    const parts = [sub(mul(first, c), mul(second, s)), add(mul(second, c), mul(first, s))];
    if (2 * half < size) parts.push(slice(perHead, 3, 2 * half, toEnd));
    return [reshape(concat(parts, 3), value.shape)];
  },
  samples: [rotarySample(8), rotarySample(12)],
});

function rotarySample(width: number) {
  return {
    inputs: [
      { shape: [1, 3, width] },
      { shape: [1, 3], dtype: 'i64' as const, values: [0, 2, 1] },
      { shape: [4, 2], range: [-1, 1] as const },
      { shape: [4, 2], range: [-1, 1] as const },
    ],
    attributes: { heads: 2 },
  };
}

/** How heads share keys and values, and how scores are scaled (1 / sqrt(head size) in most models). */
export interface HeadLayout {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly scale: number;
}

/**
 * Causal attention over one piece of text, without a cache; rows to the right that pad a batch are never seen by the
 * others. query [batch, seq, heads * size], key and value [batch, seq, keyValueHeads * size] -> as query. With
 * `window`, a position sees itself and the window - 1 before it. (Vaswani et al. 2017; Ainslie et al. 2023)
 */
export function causalAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  layout: HeadLayout,
  window?: number,
): Tensor {
  return apply1(causalAttentionOp, [query, key, value], { ...layout, window });
}

type CausalLayout = HeadLayout & { readonly window?: number };

const causalAttentionOp = declare({
  name: 'causalAttention',
  infer: ([query]) => [query as Tensor],
  lower(onnx, [query, key, value], { attributes }) {
    const layout = attributes as unknown as CausalLayout;
    const shape = onnx.op('Cast', [onnx.op('Shape', [query as string])], { to: 6 });
    const seq = onnx.op('Slice', [shape, onnx.ints([1]), onnx.ints([2])]);
    const batch = onnx.op('Shape', [query as string], { start: 0, end: 1 });
    const last = onnx.op('Sub', [seq, onnx.scalar(1, 'i32')]);
    const [output] = onnx.ops(
      'GroupQueryAttention@ms',
      [query as string, key as string, value as string, '', '', onnx.op('Expand', [last, batch]), seq],
      3,
      {
        num_heads: layout.heads,
        kv_num_heads: layout.keyValueHeads,
        scale: { float: layout.scale },
        ...(layout.window ? { local_window_size: layout.window } : {}),
      },
    );
    return [output as string];
  },
  expand: ([query, key, value], attributes) => {
    const { window, ...layout } = attributes as unknown as CausalLayout;
    const mask = causalMask(query as Tensor, window);
    return [maskedAttention(query as Tensor, key as Tensor, value as Tensor, mask, layout)];
  },
  vjp: ([gradient], { inputs, outputs, attributes }) =>
    attentionGradients(gradient as Tensor, inputs, outputs[0] as Tensor, attributes as unknown as CausalLayout),
  samples: [attentionSample(undefined), attentionSample(2)],
});

/**
 * dL/d(query), dL/d(key) and dL/d(value). The pattern is computed anew, so that nothing of its size is kept from the
 * forward pass; what the softmax takes off is each row of output times its gradient. Products over positions are written
 * so that the small side, a head's size, is that of the rows: the runtime is faster there. (Dao et al. 2022, appendix B)
 */
function attentionGradients(
  gradient: Tensor,
  inputs: readonly Tensor[],
  output: Tensor,
  { window, ...layout }: CausalLayout,
): readonly Tensor[] {
  const [query, key, value] = inputs as readonly [Tensor, Tensor, Tensor];
  const [queries, incoming] = [groupedQueries(query, layout), groupedQueries(gradient, layout)];
  const [keys, values] = [perHead(key, layout), perHead(value, layout)];
  const pattern = groupedPattern(queries, keys, causalMask(query, window), layout);
  const taken = sum(groupedQueries(mul(gradient, output), layout), [-1], true);
  const scores = mul(pattern, sub(matmul(incoming, values, { transB: true }), taken));
  const byRow = (x: Tensor) => reshape(transpose(x, [0, 3, 1, 2]), key.shape);
  return [
    mergedHeads(matmul(scores, keys, { scale: layout.scale }), query, layout),
    byRow(matmul(queries, scores, { transA: true, scale: layout.scale })),
    byRow(matmul(incoming, pattern, { transA: true })),
  ];
}

function attentionSample(window: number | undefined) {
  return {
    inputs: [{ shape: [2, 5, 32] }, { shape: [2, 5, 16] }, { shape: [2, 5, 16] }],
    attributes: { heads: 4, keyValueHeads: 2, headSize: 8, scale: 0.4, window },
  };
}

/**
 * 0 where a position may look and -infinity where it may not: [seq, before + seq] for x [batch, seq, ...] whose
 * positions follow `before` others.
 */
export function causalMask(x: Tensor, window?: number, before = 0): Tensor {
  const seq = dimOf(x, 1);
  const positions = positionsAlong(x, 1);
  const own = before === 0 ? positions : add(positions, before);
  const all = before === 0 ? own : concat([integersTo(before), own], 0);
  const [row, column] = [reshape(own, [seq, 1]), reshape(all, [1, plusDim(before, seq)])];
  const blocked = scalar(Number.NEGATIVE_INFINITY, x.dtype);
  const open = where(greater(column, row), blocked, scalar(0, x.dtype));
  return window ? where(less(column, sub(row, window - 1)), blocked, open) : open;
}

function integersTo(count: number): Tensor {
  return constant(
    'i64',
    [count],
    BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
  );
}

/**
 * Attention in primitive ops with an additive mask [..., seq, total]; `see` is shown the attention pattern
 * [batch, heads, seq, total] and may replace it.
 */
export function maskedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor,
  layout: HeadLayout,
  see: (pattern: Tensor) => Tensor = (pattern) => pattern,
): Tensor {
  const { heads, keyValueHeads } = layout;
  const [batch, seq, total] = [dimOf(query, 0), dimOf(query, 1), dimOf(key, 1)];
  const grouped = groupedPattern(groupedQueries(query, layout), perHead(key, layout), mask, layout);
  const pattern = see(reshape(grouped, [batch, heads, seq, total]));
  const weights = reshape(pattern, [batch, keyValueHeads, timesDim(heads / keyValueHeads, seq), total]);
  return mergedHeads(matmul(weights, perHead(value, layout)), query, layout);
}

/** Keys and values of all positions that may be seen, position by position: [total, batch, keyValueHeads, 1, size]. */
export interface Memory {
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * Attention over a memory of earlier positions and the own ones. query [seq, batch, heads * size], additive mask
 * broadcast to [batch, 1, 1, seq, total] -> [batch, seq, heads * size]. The memory is only read: nothing of its size
 * is copied.
 */
export function memoryAttention(query: Tensor, memory: Memory, mask: Tensor, layout: HeadLayout): Tensor {
  const { heads, keyValueHeads, headSize, scale } = layout;
  const [seq, batch, group] = [dimOf(query, 0), dimOf(query, 1), heads / keyValueHeads];
  const queries = reshape(mul(query, scale), [seq, batch, keyValueHeads, group, headSize]);
  const weights = softmax(add(matmulByPosition(queries, memory.key, 'size'), mask));
  const mixed = matmulByPosition(weights, memory.value, 'positions');
  return reshape(transpose(mixed, [0, 3, 1, 2, 4]), [batch, seq, heads * headSize]);
}

/** [batch, seq, size] -> [seq, batch, size]: the order in which a memory grows. */
export function byPosition(x: Tensor): Tensor {
  const [batch, seq, size] = [dimOf(x, 0), dimOf(x, 1), dimOf(x, 2)];
  return batch === 1 ? reshape(x, [seq, 1, size]) : transpose(x, [1, 0, 2]);
}

/** The attention pattern [batch, keyValueHeads, group * seq, total] of grouped queries and keys per head. */
function groupedPattern(
  queries: Tensor,
  keys: Tensor,
  mask: Tensor,
  { heads, keyValueHeads, scale }: HeadLayout,
): Tensor {
  const scores = matmul(queries, keys, { transB: true, scale });
  return softmax(add(scores, repeatRows(mask, heads / keyValueHeads)));
}

/** Repeats the rows of a mask for each query of a group: [..., seq, total] -> [..., group * seq, total]. */
function repeatRows(mask: Tensor, group: number): Tensor {
  return group === 1 ? mask : concat(Array<Tensor>(group).fill(mask), mask.shape.length - 2);
}

/** Keys or values [batch, total, keyValueHeads * size] -> [batch, keyValueHeads, total, size]. */
function perHead(x: Tensor, { keyValueHeads, headSize }: HeadLayout): Tensor {
  return transpose(reshape(x, [dimOf(x, 0), dimOf(x, 1), keyValueHeads, headSize]), [0, 2, 1, 3]);
}

/** [batch, seq, heads * size] -> [batch, keyValueHeads, group * seq, size]: the queries that share a key in one matrix. */
function groupedQueries(query: Tensor, { heads, keyValueHeads, headSize }: HeadLayout): Tensor {
  const [batch, seq, group] = [dimOf(query, 0), dimOf(query, 1), heads / keyValueHeads];
  const split = transpose(reshape(query, [batch, seq, keyValueHeads, group, headSize]), [0, 2, 3, 1, 4]);
  return reshape(split, [batch, keyValueHeads, timesDim(group, seq), headSize]);
}

/** The way back: [batch, keyValueHeads, group * seq, size] -> [batch, seq, heads * size]. */
function mergedHeads(x: Tensor, query: Tensor, { heads, keyValueHeads, headSize }: HeadLayout): Tensor {
  const [batch, seq, group] = [dimOf(query, 0), dimOf(query, 1), heads / keyValueHeads];
  const perHead = reshape(x, [batch, keyValueHeads, group, seq, headSize]);
  return reshape(transpose(perHead, [0, 3, 1, 2, 4]), [batch, seq, heads * headSize]);
}
