import type { Dim, Shape } from '../dims.ts';
import { apply1, declare, type Tensor } from '../tensor.ts';
import { cast, div, equal, mul } from './elementwise.ts';
import { scalar } from './leaves.ts';
import { expandTo, reshape } from './shape.ts';

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keep: boolean;
}

function reduced(shape: Shape, { axes, keep }: ReduceAttributes): Dim[] {
  return keep ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i));
}

type ReductionVjp = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;

function reduction(name: string, onnxType: string, vjp: ReductionVjp) {
  const op = declare({
    name,
    infer: ([x], a) => [
      { dtype: (x as Tensor).dtype, shape: reduced((x as Tensor).shape, a as unknown as ReduceAttributes) },
    ],
    lower(onnx, [x], { attributes: a }) {
      return onnx.op(onnxType, [x as string, onnx.ints(a.axes as number[])], { keepdims: a.keep ? 1 : 0 });
    },
    vjp([dy], { inputs: [x], outputs: [y], attributes: a }) {
      const kept = reduced((x as Tensor).shape, { axes: a.axes as number[], keep: true });
      return [vjp(reshape(dy as Tensor, kept), x as Tensor, reshape(y as Tensor, kept))];
    },
    samples: [
      { inputs: [{ shape: [2, 3, 4] }], attributes: { axes: [1], keep: true } },
      { inputs: [{ shape: [2, 3] }], attributes: { axes: [0, 1], keep: false } },
    ],
  });
  return (x: Tensor, axes: readonly number[], keep = false): Tensor =>
    apply1(op, [x], { axes: axes.map((axis) => (axis < 0 ? x.shape.length + axis : axis)), keep });
}

/** Sum over `axes`; they stay as size 1 when `keep` is set. */
export const sum = reduction('sum', 'ReduceSum', (dy, x) => expandTo(dy, x));

/** Mean over `axes`. */
export const mean = reduction('mean', 'ReduceMean', (dy, x, y) =>
  expandTo(div(dy, div(elementCount(x), elementCount(y))), x),
);

/** Largest value over `axes`; each of several equal ones gets the whole gradient. */
export const max = reduction('max', 'ReduceMax', (dy, x, y) => mul(cast(equal(x, y), x.dtype), dy));

/** Sums a gradient over the axes that broadcasting added or stretched, back to `shape`. */
export function sumTo(gradient: Tensor, shape: Shape): Tensor {
  const added = gradient.shape.length - shape.length;
  const axes = gradient.shape
    .map((dim, i) => (i < added || (shape[i - added] === 1 && dim !== 1) ? i : -1))
    .filter((axis) => axis >= 0);
  if (axes.length === 0) return gradient;
  return reshape(sum(gradient, axes, true), shape);
}

/** The number of elements, a scalar in the dtype of x; known only when the graph runs if a size is symbolic. */
export function elementCount(x: Tensor): Tensor {
  const known = x.shape.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : Number.NaN), 1);
  return Number.isNaN(known) ? apply1(elementCountOp, [x]) : scalar(known, x.dtype);
}

const elementCountOp = declare({
  name: 'elementCount',
  infer: ([x]) => [{ dtype: (x as Tensor).dtype, shape: [] }],
  lower: (onnx, names) => onnx.op('CastLike', [onnx.op('Size', names), names[0] as string]),
  noGradient: 'a size',
  samples: [{ inputs: [{ shape: [2, 3] }] }],
});
