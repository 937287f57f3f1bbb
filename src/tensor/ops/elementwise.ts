import { broadcast } from '../dims.ts';
import type { OnnxWriter } from '../onnx/writer.ts';
import { dataTypeOf } from '../onnx/writer.ts';
import { apply1, type Dtype, declare, type Sample, type SampleInput, type Tensor } from '../tensor.ts';
import { scalar } from './leaves.ts';
import { sumTo } from './reduce.ts';

type UnaryVjp = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;

type UnaryLower = (onnx: OnnxWriter, x: string, dtype: Dtype) => string;

function unary(name: string, lower: UnaryLower, vjp: UnaryVjp, range: [number, number]) {
  const op = declare({
    name,
    infer: ([x]) => [x as Tensor],
    lower: (onnx, [x], { inputs }) => lower(onnx, x as string, (inputs[0] as Tensor).dtype),
    vjp: ([dy], node) => [vjp(dy as Tensor, node.inputs[0] as Tensor, node.outputs[0] as Tensor)],
    samples: [{ inputs: [{ shape: [2, 5], range }] }],
  });
  return (x: Tensor): Tensor => apply1(op, [x]);
}

type BinaryVjp = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [() => Tensor, () => Tensor];

const pair = (a: readonly number[], b: readonly number[], range: [number, number]): Sample => ({
  inputs: [
    { shape: a, range },
    { shape: b, range },
  ],
});

function binary(name: string, onnxType: string, vjp: BinaryVjp, range: [number, number]) {
  const op = declare({
    name,
    infer: ([a, b]) => [{ dtype: (a as Tensor).dtype, shape: broadcast((a as Tensor).shape, (b as Tensor).shape) }],
    lower: (onnx, names) => onnx.op(onnxType, names),
    vjp: ([dy], { inputs, outputs }, wanted) => {
      const [a, b] = inputs as readonly [Tensor, Tensor];
      const [da, db] = vjp(dy as Tensor, a, b, outputs[0] as Tensor);
      return [wanted[0] ? sumTo(da(), a.shape) : undefined, wanted[1] ? sumTo(db(), b.shape) : undefined];
    },
    samples: [pair([2, 3], [2, 3], range), pair([2, 1, 3], [4, 1], range), pair([3], [], range)],
  });
  return (a: Tensor, b: Tensor | number): Tensor => apply1(op, [a, typeof b === 'number' ? scalar(b, a.dtype) : b]);
}

/** a + b, elementwise with broadcasting, as the next three. */
export const add = binary('add', 'Add', (dy) => [() => dy, () => dy], [-2, 2]);
export const sub = binary('sub', 'Sub', (dy) => [() => dy, () => neg(dy)], [-2, 2]);
export const mul = binary('mul', 'Mul', (dy, a, b) => [() => mul(dy, b), () => mul(dy, a)], [-2, 2]);
export const div = binary('div', 'Div', (dy, _, b, y) => [() => div(dy, b), () => neg(div(mul(dy, y), b))], [0.5, 2]);

/** The larger of a and b; of equal ones b gets the gradient. */
export const maximum = binary(
  'maximum',
  'Max',
  (dy, a, b) => [() => where(greater(a, b), dy, zeroOf(dy)), () => where(greater(a, b), zeroOf(dy), dy)],
  [-2, 2],
);

const zeroOf = ({ dtype }: Tensor): Tensor => scalar(0, dtype);

/** |x|, whose gradient at 0 is -1. */
export const abs = unary(
  'abs',
  (onnx, x) => onnx.op('Abs', [x]),
  (dy, x) => where(greater(x, 0), dy, neg(dy)),
  [-2, 2],
);

/**
 * The nearest whole number, halves to even; gradients pass as if it were the identity. (Straight-through estimator: Bengio
 * et al. 2013)
 */
export function round(x: Tensor): Tensor {
  return apply1(roundOp, [x]);
}

const roundOp = declare({
  name: 'round',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, names) => onnx.op('Round', names),
  vjp: ([dy]) => [dy],
  straightThrough: true,
  samples: [{ inputs: [{ shape: [2, 5], range: [-3, 3] }] }],
});

export const neg = unary(
  'neg',
  (onnx, x) => onnx.op('Neg', [x]),
  (dy) => neg(dy),
  [-2, 2],
);
export const exp = unary(
  'exp',
  (onnx, x) => onnx.op('Exp', [x]),
  (dy, _, y) => mul(dy, y),
  [-2, 2],
);
/** Natural logarithm. */
export const log = unary(
  'log',
  (onnx, x) => onnx.op('Log', [x]),
  (dy, x) => div(dy, x),
  [0.2, 3],
);
export const sqrt = unary(
  'sqrt',
  (onnx, x) => onnx.op('Sqrt', [x]),
  (dy, _, y) => div(mul(dy, 0.5), y),
  [0.2, 3],
);
export const reciprocal = unary(
  'reciprocal',
  (onnx, x) => onnx.op('Reciprocal', [x]),
  (dy, _, y) => neg(mul(dy, mul(y, y))),
  [0.5, 3],
);
export const sigmoid = unary(
  'sigmoid',
  (onnx, x) => onnx.op('Sigmoid', [x]),
  (dy, _, y) => mul(dy, mul(y, sub(scalar(1, y.dtype), y))),
  [-3, 3],
);
export const tanh = unary(
  'tanh',
  (onnx, x) => onnx.op('Tanh', [x]),
  (dy, _, y) => mul(dy, sub(scalar(1, y.dtype), mul(y, y))),
  [-3, 3],
);

/** log(1 + exp(x)), which is -log(sigmoid(-x)), without overflow. */
export const softplus = unary(
  'softplus',
  (onnx, x, dtype) => {
    if (dtype === 'f32') return onnx.op('Softplus', [x]);
    return onnx.op('Log', [onnx.op('Add', [onnx.scalar(1, dtype), onnx.op('Exp', [x])])]);
  },
  (dy, x) => mul(dy, sigmoid(x)),
  [-3, 3],
);

/** x * sigmoid(x). (Elfwing et al. 2017) */
export const silu = unary(
  'silu',
  (onnx, x, dtype) => {
    if (dtype === 'f32') return onnx.op('QuickGelu@ms', [x], { alpha: { float: 1 } });
    return onnx.op('Div', [x, onnx.op('Add', [onnx.scalar(1, dtype), onnx.op('Exp', [onnx.op('Neg', [x])])])]);
  },
  (dy, x, y) => {
    const s = sigmoid(x);
    return mul(dy, add(s, mul(y, sub(scalar(1, x.dtype), s))));
  },
  [-3, 3],
);

/** The tanh approximation of GELU: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2. (Hendrycks and Gimpel 2016) */
export function gelu(x: Tensor): Tensor {
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
}

/** The same values in another dtype; gradients are cast back. */
export function cast(x: Tensor, dtype: Dtype): Tensor {
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype });
}

const castOp = declare({
  name: 'cast',
  infer: ([x], a) => [{ dtype: a.dtype as Dtype, shape: (x as Tensor).shape }],
  lower: (onnx, names, { attributes: a }) => onnx.op('Cast', names, { to: dataTypeOf(a.dtype as Dtype) }),
  vjp: ([dy], { inputs: [x] }) => [cast(dy as Tensor, (x as Tensor).dtype)],
  samples: [{ inputs: [{ shape: [2, 3] }], attributes: { dtype: 'f64' } }],
});

const comparable: SampleInput[] = [
  { shape: [4], range: [-1, 1] },
  { shape: [4], range: [-1, 1] },
];

function comparison(name: string, onnxType: string) {
  const op = declare({
    name,
    infer: ([a, b]) => [{ dtype: 'bool', shape: broadcast((a as Tensor).shape, (b as Tensor).shape) }],
    lower: (onnx, names) => onnx.op(onnxType, names),
    noGradient: 'its result is true or false',
    samples: [{ inputs: comparable }],
  });
  return (a: Tensor, b: Tensor | number): Tensor => apply1(op, [a, typeof b === 'number' ? scalar(b, a.dtype) : b]);
}

export const less = comparison('less', 'Less');
export const greater = comparison('greater', 'Greater');
export const equal = comparison('equal', 'Equal');

/** a where `condition` holds, else b; all broadcast. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return apply1(whereOp, [condition, a, b]);
}

const whereOp = declare({
  name: 'where',
  infer: ([c, a, b]) => [
    {
      dtype: (a as Tensor).dtype,
      shape: broadcast((c as Tensor).shape, broadcast((a as Tensor).shape, (b as Tensor).shape)),
    },
  ],
  lower: (onnx, names) => onnx.op('Where', names),
  vjp: ([dy], { inputs }, wanted) => {
    const [c, a, b] = inputs as readonly [Tensor, Tensor, Tensor];
    const zero = scalar(0, a.dtype);
    return [
      undefined,
      wanted[1] ? sumTo(where(c, dy as Tensor, zero), a.shape) : undefined,
      wanted[2] ? sumTo(where(c, zero, dy as Tensor), b.shape) : undefined,
    ];
  },
  samples: [
    { inputs: [{ shape: [2, 3], dtype: 'bool', values: [1, 0, 1, 0, 0, 1] }, { shape: [2, 3] }, { shape: [3] }] },
  ],
});
