import type { Shape } from '../dims.ts';
import { apply1, type Dtype, declare, type Tensor } from '../tensor.ts';

const unlowered = () => {
  throw new Error('leaves are lowered by the graph itself');
};

const inputOp = declare({
  name: 'input',
  infer: (_, a) => [{ dtype: a.dtype as Dtype, shape: a.shape as Shape }],
  lower: unlowered,
  noGradient: 'a leaf',
  samples: [],
});

const constantOp = declare({
  name: 'constant',
  infer: (_, a) => [{ dtype: a.dtype as Dtype, shape: a.shape as Shape }],
  lower: (onnx, _, { attributes: a }) => onnx.data(a.dtype as Dtype, a.shape as number[], a.bytes as Uint8Array),
  noGradient: 'a leaf',
  samples: [],
});

const scalarOp = declare({
  name: 'scalar',
  infer: (_, a) => [{ dtype: a.dtype as Dtype, shape: [] }],
  lower: (onnx, _, { attributes: a }) => onnx.scalar(a.value as number, a.dtype as Dtype),
  noGradient: 'a leaf',
  samples: [],
});

/** A named value that the graph is given when it runs, or that is bound when it is compiled (a weight). */
export function input(name: string, dtype: Dtype, shape: Shape): Tensor {
  return apply1(inputOp, [], { name, dtype, shape });
}

/** Values that are part of the graph. */
export function constant(dtype: Dtype, shape: readonly number[], values: ArrayBufferView): Tensor {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return apply1(constantOp, [], { dtype, shape, bytes });
}

/** One number that is part of the graph. */
export function scalar(value: number, dtype: Dtype = 'f32'): Tensor {
  return apply1(scalarOp, [], { value, dtype });
}

/** The name of a tensor that `input` made, or undefined. */
export function inputName(tensor: Tensor): string | undefined {
  return tensor.node.op === inputOp ? (tensor.node.attributes.name as string) : undefined;
}
