import { dimOf, type Shape, sizeOf } from '../dims.ts';
import type { OnnxWriter } from '../onnx/writer.ts';
import { apply1, declare, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { sum } from './reduce.ts';
import { reshape } from './shape.ts';

/**
 * A weight matrix [out, in] in blocks along `in`, as ONNX Runtime's MatMulNBits reads it: `codes` u8
 * [out, in / block, block * bits / 8] (low nibble first), `scales` f32 [out, in / block]. An element is
 * scale * (code - 2^(bits - 1)). `minimums` f32 [in / block, out], where present, are added to the elements of a block.
 */
export interface QuantizedMatrix {
  readonly bits: 4 | 8;
  readonly block: number;
  readonly codes: Tensor;
  readonly scales: Tensor;
  readonly minimums?: Tensor;
  /** Round activations to 16 bits instead of 8: twice the arithmetic, the weight is read once. */
  readonly precise?: boolean;
}

/** x [..., in] times a quantized weight [out, in] transposed -> [..., out]; differentiable with respect to x only. */
export function quantizedLinear(x: Tensor, weight: QuantizedMatrix): Tensor {
  const { bits, block, codes, scales, minimums, precise = false } = weight;
  const product = apply1(quantizedLinearOp, [x, codes, scales], { bits, block, precise });
  if (!minimums) return product;
  // sum over a block of x * (d q + m) = d sum(x q) + m sum(x): the minimum acts on block sums of x
  const blocks = sizeOf(minimums, 0);
  const sums = sum(reshape(x, [...x.shape.slice(0, -1), blocks, block]), [-1]);
  return add(product, matmul(sums, minimums));
}

// int8 arithmetic on activations quantized per block: the kernels that are fast on a CPU
const accuracyLevel = 4;

/**
 * x as the sum of two tensors that the kernel's rounding hardly changes: what 8 bits a block hold, and the rest, which
 * is 254 times smaller. `rank` is that of x.
 */
function twoParts(onnx: OnnxWriter, x: string, rank: number, block: number): [string, string] {
  const keep = Array<number>(rank - 1).fill(0);
  const blocks = onnx.op('Reshape', [x, onnx.ints([...keep, -1, block])]);
  const largest = onnx.op('ReduceMax', [onnx.op('Abs', [blocks]), onnx.ints([-1])], { keepdims: 1 });
  const tiny = onnx.scalar(1e-30, 'f32'); // a block of zeros
  const step = onnx.op('Div', [onnx.op('Max', [largest, tiny]), onnx.scalar(127, 'f32')]);
  const rounded = onnx.op('Mul', [onnx.op('Round', [onnx.op('Div', [blocks, step])]), step]);
  const high = onnx.op('Reshape', [rounded, onnx.op('Shape', [x])]);
  return [high, onnx.op('Sub', [x, high])];
}

const quantizedLinearOp = declare({
  name: 'quantizedLinear',
  infer: ([x, codes]) => [
    { dtype: (x as Tensor).dtype, shape: [...(x as Tensor).shape.slice(0, -1), dimOf(codes as Tensor, 0)] },
  ],
  lower(onnx, [x, codes, scales], { inputs: [from, weight], attributes: { bits, block, precise } }) {
    const [rows, blocks] = [sizeOf(weight as Tensor, 0), sizeOf(weight as Tensor, 1)];
    const product = (input: string) =>
      onnx.op('MatMulNBits@ms', [input, codes as string, scales as string], {
        N: rows,
        K: blocks * (block as number),
        bits: bits as number,
        block_size: block as number,
        accuracy_level: accuracyLevel,
      });
    if (!precise) return product(x as string);
    const parts = twoParts(onnx, x as string, (from as Tensor).shape.length, block as number);
    const sums = onnx.ops('Split', [product(onnx.op('Concat', parts, { axis: -2 }))], 2, { axis: -2, num_outputs: 2 });
    return onnx.op('Add', sums);
  },
  vjp: ([dy], { inputs: [, codes, scales], attributes }) => [
    matmul(dy as Tensor, dequantized(codes as Tensor, scales as Tensor, attributes.bits as 4 | 8)),
    undefined,
    undefined,
  ],
  samples: [8, 4].flatMap((bits) =>
    [false, true].map((precise) => ({
      inputs: [
        { shape: [3, 64] },
        { shape: [5, 2, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
        { shape: [5, 2], range: [0.001, 0.01] as const },
      ],
      attributes: { bits, block: 32, precise },
    })),
  ),
});

/** The values of quantized rows: codes u8 [..., blocks, bytes], scales [..., blocks] -> f32 [..., in]. */
export function dequantized(codes: Tensor, scales: Tensor, bits: 4 | 8): Tensor {
  return apply1(dequantizedOp, [codes, scales], { bits });
}

const dequantizedOp = declare({
  name: 'dequantized',
  infer: ([codes, scales], { bits }) => {
    const { shape } = codes as Tensor;
    const lead = shape.slice(0, -2);
    const elements = (sizeOf(codes as Tensor, -2) * sizeOf(codes as Tensor, -1) * 8) / (bits as number);
    return [{ dtype: (scales as Tensor).dtype, shape: [...lead, elements] as Shape }];
  },
  lower(onnx, [codes, scales], { inputs: [, scale], outputs: [y], attributes: { bits } }) {
    const { dtype, shape } = scale as Tensor;
    const to = dtype === 'f64' ? 11 : 1;
    let values = codes as string;
    if (bits === 4) {
      // two elements a byte, the low nibble first
      const low = onnx.op('BitwiseAnd', [values, onnx.scalar(15, 'u8')]);
      const high = onnx.op('BitShift', [values, onnx.scalar(4, 'u8')], { direction: 'RIGHT' });
      const axis = onnx.ints([-1]);
      const pairs = onnx.op('Concat', [onnx.op('Unsqueeze', [low, axis]), onnx.op('Unsqueeze', [high, axis])], {
        axis: -1,
      });
      const keep = shape.map(() => 0);
      values = onnx.op('Reshape', [pairs, onnx.ints([...keep, -1])]);
    }
    const centred = onnx.op('Sub', [
      onnx.op('Cast', [values], { to }),
      onnx.scalar(2 ** ((bits as number) - 1), dtype),
    ]);
    const scaled = onnx.op('Mul', [centred, onnx.op('Unsqueeze', [scales as string, onnx.ints([-1])])]);
    const lead = (y as Tensor).shape.slice(0, -1).map(() => 0);
    return onnx.op('Reshape', [scaled, onnx.ints([...lead, sizeOf(y as Tensor, -1)])]);
  },
  noGradient: 'quantized weights are not trained',
  samples: [8, 4].map((bits) => ({
    inputs: [
      { shape: [5, 2, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
      { shape: [5, 2], range: [0.1, 1] as const },
    ],
    attributes: { bits },
  })),
});
