import { CriaError } from '../../base/index.ts';
import { type Dim, dimOf, plusDim, type Shape, showShape } from '../dims.ts';
import { reshapeTarget } from '../onnx/writer.ts';
import { apply, apply1, declare, type Tensor } from '../tensor.ts';
import { constant, scalar } from './leaves.ts';
import { sumTo } from './reduce.ts';

/** The same values in row-major order under another shape; at most one symbolic size may move. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (shape.length === x.shape.length && shape.every((dim, i) => dim === x.shape[i])) return x;
  const count = (dims: Shape) => dims.reduce<number>((p, d) => (typeof d === 'number' ? p * d : Number.NaN), 1);
  const [before, after] = [count(x.shape), count(shape)];
  if (before !== after && !Number.isNaN(before) && !Number.isNaN(after)) {
    throw new CriaError(`cannot reshape ${showShape(x.shape)} to ${showShape(shape)}`, { kind: 'failure' });
  }
  return apply1(reshapeOp, [x], { shape });
}

const reshapeOp = declare({
  name: 'reshape',
  infer: ([x], a) => [{ dtype: (x as Tensor).dtype, shape: a.shape as Shape }],
  lower: (onnx, [x], { inputs: [from], attributes: a }) =>
    onnx.op('Reshape', [x as string, onnx.ints(reshapeTarget((from as Tensor).shape, a.shape as Shape))]),
  vjp: ([dy], { inputs: [x] }) => [reshapeLike(dy as Tensor, x as Tensor)],
  samples: [{ inputs: [{ shape: [2, 6] }], attributes: { shape: [3, 4] } }],
});

/** x in the shape of `like`, of which more than one size may be symbolic. */
function reshapeLike(x: Tensor, like: Tensor): Tensor {
  const unknown = like.shape.filter((dim, i) => typeof dim !== 'number' && dim !== x.shape[i]);
  return unknown.length > 1 ? apply1(reshapeLikeOp, [x, like]) : reshape(x, like.shape);
}

const reshapeLikeOp = declare({
  name: 'reshapeLike',
  infer: ([x, like]) => [{ dtype: (x as Tensor).dtype, shape: (like as Tensor).shape }],
  lower: (onnx, [x, like]) => onnx.op('Reshape', [x as string, onnx.op('Shape', [like as string])]),
  vjp: ([dy], { inputs: [x] }) => [reshapeLike(dy as Tensor, x as Tensor), undefined],
  samples: [{ inputs: [{ shape: [2, 6] }, { shape: [3, 4] }] }],
});

/** Axes in another order: axis i of the result is axis `order[i]` of x. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  return apply1(transposeOp, [x], { order });
}

const transposeOp = declare({
  name: 'transpose',
  infer: ([x], a) => [
    { dtype: (x as Tensor).dtype, shape: (a.order as number[]).map((axis) => dimOf(x as Tensor, axis)) },
  ],
  lower: (onnx, names, { attributes: a }) => onnx.op('Transpose', names, { perm: a.order as number[] }),
  vjp: ([dy], { attributes: a }) => {
    const order = a.order as number[];
    return [
      transpose(
        dy as Tensor,
        order.map((_, axis) => order.indexOf(axis)),
      ),
    ];
  },
  samples: [{ inputs: [{ shape: [2, 3, 4] }], attributes: { order: [2, 0, 1] } }],
});

/** Elements `from` to `to` (excluded; may be negative) of one axis; `size` names the result's size where it cannot be told. */
export function slice(x: Tensor, axis: number, from: number, to: number, size?: Dim): Tensor {
  const at = axis < 0 ? x.shape.length + axis : axis;
  const whole = dimOf(x, at);
  const known = typeof whole === 'number' ? clamp(to, whole) - clamp(from, whole) : from < 0 ? -from : undefined;
  const dim = size ?? known ?? `${whole}[${from}:${to}]`;
  return apply1(sliceOp, [x], { axis: at, from, to, dim });
}

const endOfAxis = 2 ** 31;
/** As the `to` of a slice: to the end. */
export const toEnd = endOfAxis;

const clamp = (index: number, size: number) => Math.min(size, Math.max(0, index < 0 ? index + size : index));

const sliceOp = declare({
  name: 'slice',
  infer: ([x], a) => [
    {
      dtype: (x as Tensor).dtype,
      shape: (x as Tensor).shape.map((dim, i) => (i === a.axis ? (a.dim as Dim) : dim)),
    },
  ],
  lower: (onnx, [x], { attributes: a }) =>
    onnx.op('Slice', [
      x as string,
      onnx.ints([a.from as number]),
      onnx.ints([a.to as number]),
      onnx.ints([a.axis as number]),
    ]),
  vjp: ([dy], { inputs: [x], attributes: a }) => [
    unslice(dy as Tensor, x as Tensor, a.axis as number, a.from as number, a.to as number),
  ],
  samples: [
    { inputs: [{ shape: [2, 5] }], attributes: { axis: 1, from: 1, to: 4, dim: 3 } },
    { inputs: [{ shape: [4, 2] }], attributes: { axis: 0, from: -1, to: 2 ** 31, dim: 1 } },
  ],
});

/** A gradient of a slice put back among zeros. */
function unslice(dy: Tensor, x: Tensor, axis: number, from: number, to: number): Tensor {
  const zeros = (a: number, b: number) => {
    const part = slice(x, axis, a, b);
    return expandTo(scalar(0, x.dtype), part);
  };
  const parts = [dy];
  if (from !== 0) parts.unshift(zeros(0, from));
  const whole = dimOf(x, axis);
  if (to < endOfAxis && to !== whole) parts.push(zeros(to, endOfAxis));
  const joined = concat(parts, axis);
  return { ...joined, shape: x.shape };
}

/** Tensors one after the other along an axis. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 1) return parts[0] as Tensor;
  return apply1(concatOp, parts, { axis: axis < 0 ? (parts[0] as Tensor).shape.length + axis : axis });
}

const concatOp = declare({
  name: 'concat',
  infer: (parts, a) => {
    const first = parts[0] as Tensor;
    const total = parts.map((part) => dimOf(part, a.axis as number)).reduce(plusDim);
    return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === a.axis ? total : dim)) }];
  },
  lower: (onnx, names, { attributes: a }) => onnx.op('Concat', names, { axis: a.axis as number }),
  vjp: ([dy], { inputs, attributes: a }) => split(dy as Tensor, a.axis as number, inputs),
  samples: [{ inputs: [{ shape: [2, 3] }, { shape: [2, 2] }], attributes: { axis: 1 } }],
});

/**
 * Cuts an axis into pieces, each as long as `like[i]` (a number, or a tensor whose size along that axis is taken,
 * which may be symbolic).
 */
export function split(x: Tensor, axis: number, like: readonly (number | Tensor)[]): readonly Tensor[] {
  const at = axis < 0 ? x.shape.length + axis : axis;
  const sizes = like.map((item) => (typeof item === 'number' ? item : dimOf(item, at)));
  const symbolic = like.filter((item, i) => typeof item !== 'number' && typeof sizes[i] !== 'number') as Tensor[];
  return apply(splitOp, [x, ...symbolic], { axis: at, sizes });
}

const splitOp = declare({
  name: 'split',
  infer: ([x], a) =>
    (a.sizes as Dim[]).map((size) => ({
      dtype: (x as Tensor).dtype,
      shape: (x as Tensor).shape.map((dim, i) => (i === a.axis ? size : dim)),
    })),
  lower(onnx, [x, ...like], { attributes: a }) {
    const [axis, sizes] = [a.axis as number, a.sizes as Dim[]];
    let next = 0;
    const lengths = sizes.map((size) =>
      typeof size === 'number'
        ? onnx.ints([size])
        : onnx.op('Shape', [like[next++] as string], { start: axis, end: axis + 1 }),
    );
    const known = sizes.every((size) => typeof size === 'number');
    const vector = known ? onnx.ints(sizes as number[]) : onnx.op('Concat', lengths, { axis: 0 });
    return onnx.ops('Split', [x as string, vector], sizes.length, { axis });
  },
  vjp(gradients, { inputs, outputs, attributes: a }) {
    const [x, ...like] = inputs as readonly Tensor[];
    const parts = gradients.map((dy, i) => dy ?? expandTo(scalar(0, (x as Tensor).dtype), outputs[i] as Tensor));
    return [concat(parts, a.axis as number), ...like.map(() => undefined)];
  },
  samples: [{ inputs: [{ shape: [2, 5] }], attributes: { axis: 1, sizes: [2, 3] } }],
});

/** Repeats x to the shape of `like` by broadcasting. */
export function expandTo(x: Tensor, like: Tensor): Tensor {
  if (x.shape.length === like.shape.length && x.shape.every((dim, i) => dim === like.shape[i])) return x;
  if (like.shape.every((dim) => typeof dim === 'number')) return expand(x, like.shape as number[]);
  return apply1(expandLikeOp, [x, like]);
}

const expandLikeOp = declare({
  name: 'expandLike',
  infer: ([x, like]) => [{ dtype: (x as Tensor).dtype, shape: (like as Tensor).shape }],
  lower: (onnx, [x, like]) => onnx.op('Expand', [x as string, onnx.op('Shape', [like as string])]),
  vjp: ([dy], { inputs: [x] }) => [sumTo(dy as Tensor, (x as Tensor).shape), undefined],
  samples: [{ inputs: [{ shape: [2, 1] }, { shape: [3, 2, 4] }] }],
});

/** Repeats x to a known shape by broadcasting. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  return apply1(expandOp, [x], { shape });
}

const expandOp = declare({
  name: 'expand',
  infer: ([x], a) => [{ dtype: (x as Tensor).dtype, shape: a.shape as Shape }],
  lower: (onnx, [x], { attributes: a }) => onnx.op('Expand', [x as string, onnx.ints(a.shape as number[])]),
  vjp: ([dy], { inputs: [x] }) => [sumTo(dy as Tensor, (x as Tensor).shape)],
  samples: [{ inputs: [{ shape: [2, 1] }], attributes: { shape: [3, 2, 4] } }],
});

/** 0, 1, 2, ... as long as axis `axis` of x, as i64 [that size]. */
export function positionsAlong(x: Tensor, axis: number): Tensor {
  const dim = dimOf(x, axis);
  if (typeof dim === 'number') {
    return constant(
      'i64',
      [dim],
      BigInt64Array.from({ length: dim }, (_, i) => BigInt(i)),
    );
  }
  return apply1(positionsOp, [x], { axis: axis < 0 ? x.shape.length + axis : axis });
}

const positionsOp = declare({
  name: 'positionsAlong',
  infer: ([x], a) => [{ dtype: 'i64', shape: [dimOf(x as Tensor, a.axis as number)] }],
  lower(onnx, [x], { attributes: a }) {
    const size = onnx.op('Shape', [x as string], { start: a.axis as number, end: (a.axis as number) + 1 });
    const end = onnx.op('Squeeze', [size, onnx.ints([0])]);
    return onnx.op('Range', [onnx.scalar(0, 'i64'), end, onnx.scalar(1, 'i64')]);
  },
  noGradient: 'positions',
  samples: [{ inputs: [{ shape: [2, 3] }], attributes: { axis: 1 } }],
});
