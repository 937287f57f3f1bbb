import { dimOf, type Shape, sizeOf } from '../dims.ts';
import type { OnnxWriter } from '../onnx/writer.ts';
import { apply1, declare, type Tensor } from '../tensor.ts';
import { constant } from './leaves.ts';
import { matmul } from './matmul.ts';
import { mean } from './reduce.ts';
import { concat, reshape } from './shape.ts';

/**
 * A weight matrix [out, in] in blocks along `in`, as ONNX Runtime's MatMulNBits reads it: `codes` u8
 * [out, blocks, block * bits / 8] (low nibble first), `scales` f32 [out, blocks]. An element is
 * scale * (code - zero), where a zero is 2^(bits - 1).
 *
 * With `zeros` u8 [out, ceil(blocks * bits / 8)] (as many bits each, low nibble first) every block has its own, and
 * something that is added to all its elements: columns behind the matrix's own hold it, see `minimumColumns`.
 */
export interface QuantizedMatrix {
  readonly bits: 4 | 8;
  readonly block: number;
  readonly codes: Tensor;
  readonly scales: Tensor;
  readonly zeros?: Tensor;
  /** Round activations to 16 bits instead of 8: twice the arithmetic, the weight is read once. */
  readonly wideActivations?: boolean;
}

/** x [..., in] times a quantized weight [out, in] transposed -> [..., out]; differentiable with respect to x only. */
export function quantizedLinear(x: Tensor, weight: QuantizedMatrix): Tensor {
  const { bits, block, codes, scales, zeros, wideActivations = false } = weight;
  if (!zeros) return apply1(quantizedLinearOp, [x, codes, scales], { bits, block, precise: wideActivations });
  return apply1(quantizedLinearOp, [withBlockMeans(x, block, bits), codes, scales, zeros], {
    bits,
    block,
    precise: wideActivations,
  });
}

/** How many digits of `bits` bits hold what is added to a block: at 4 bits two, of which the second counts a 16th. */
export const minimumDigits = (bits: 4 | 8): number => 8 / bits;

/** How many columns hold what is added to the blocks of a row: all first digits, all second ones, then nothing. */
export const minimumColumns = (inner: number, block: number, bits: 4 | 8): number =>
  Math.ceil((minimumDigits(bits) * inner) / block / block) * block;

/**
 * x and what `minimumColumns` meet: the means of its blocks, and a 16th of them. What is added to the elements of a
 * block acts on their sum: in the same product, nothing of the size of the result is read or added for it.
 */
function withBlockMeans(x: Tensor, block: number, bits: 4 | 8): Tensor {
  const inner = sizeOf(x, -1);
  const [blocks, columns] = [inner / block, minimumColumns(inner, block, bits)];
  const means = mean(reshape(x, [...x.shape.slice(0, -1), blocks, block]), [-1]);
  const place = new Float32Array(blocks * columns);
  for (let i = 0; i < blocks; i++) {
    for (let digit = 0; digit < minimumDigits(bits); digit++) place[i * columns + digit * blocks + i] = 1 / 16 ** digit;
  }
  return concat([x, matmul(means, constant('f32', [blocks, columns], place))], -1);
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
  lower(onnx, [x, codes, scales, ...zeros], { inputs: [from, weight], attributes: { bits, block, precise } }) {
    const [rows, blocks] = [sizeOf(weight as Tensor, 0), sizeOf(weight as Tensor, 1)];
    const product = (input: string) =>
      onnx.op('MatMulNBits@ms', [input, codes as string, scales as string, ...zeros], {
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
  vjp: ([dy], { inputs: [, codes, scales, zeros], attributes }) => [
    matmul(dy as Tensor, dequantized(codes as Tensor, scales as Tensor, attributes.bits as 4 | 8, zeros)),
    undefined,
    undefined,
    undefined,
  ],
  samples: [
    ...[8, 4].flatMap((bits) =>
      [false, true].map((precise) => ({
        inputs: [
          { shape: [3, 64] },
          { shape: [5, 2, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
          { shape: [5, 2], range: [0.001, 0.01] as const },
        ],
        attributes: { bits, block: 32, precise },
      })),
    ),
    ...[4, 8].map((bits) => ({
      inputs: [
        { shape: [3, 96] },
        { shape: [5, 3, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
        { shape: [5, 3], range: [0.001, 0.01] as const },
        { shape: [5, bits === 8 ? 3 : 2], dtype: 'u8' as const, range: [0, 256] as const },
      ],
      attributes: { bits, block: 32, precise: false },
    })),
  ],
});

/**
 * The values of quantized rows: codes u8 [..., blocks, bytes], scales [..., blocks], and zeros where blocks have their
 * own -> f32 [..., in].
 */
export function dequantized(codes: Tensor, scales: Tensor, bits: 4 | 8, zeros?: Tensor): Tensor {
  return apply1(dequantizedOp, zeros ? [codes, scales, zeros] : [codes, scales], { bits });
}

/** Bytes [..., n] of two 4-bit numbers each, the low one first -> u8 [..., 2 n]. */
function nibbles(onnx: OnnxWriter, packed: string, rank: number): string {
  const low = onnx.op('BitwiseAnd', [packed, onnx.scalar(15, 'u8')]);
  const high = onnx.op('BitShift', [packed, onnx.scalar(4, 'u8')], { direction: 'RIGHT' });
  const axis = onnx.ints([-1]);
  const pairs = onnx.op('Concat', [onnx.op('Unsqueeze', [low, axis]), onnx.op('Unsqueeze', [high, axis])], {
    axis: -1,
  });
  return onnx.op('Reshape', [pairs, onnx.ints([...Array<number>(rank - 1).fill(0), -1])]);
}

const dequantizedOp = declare({
  name: 'dequantized',
  infer: ([codes, scales], { bits }) => {
    const { shape } = codes as Tensor;
    const lead = shape.slice(0, -2);
    const elements = (sizeOf(codes as Tensor, -2) * sizeOf(codes as Tensor, -1) * 8) / (bits as number);
    return [{ dtype: (scales as Tensor).dtype, shape: [...lead, elements] as Shape }];
  },
  lower(onnx, [codes, scales, zeros], { inputs: [, scale], outputs: [y], attributes: { bits } }) {
    const { dtype, shape } = scale as Tensor;
    const to = dtype === 'f64' ? 11 : 1;
    const last = onnx.ints([-1]);
    const values = bits === 4 ? nibbles(onnx, codes as string, shape.length + 1) : (codes as string);
    let zero = onnx.scalar(2 ** ((bits as number) - 1), dtype);
    if (zeros) {
      const size = onnx.ints([sizeOf(scale as Tensor, -1)]);
      const each =
        bits === 8 ? zeros : onnx.op('Slice', [nibbles(onnx, zeros, shape.length), onnx.ints([0]), size, last]);
      zero = onnx.op('Unsqueeze', [onnx.op('Cast', [each], { to }), last]);
    }
    const centred = onnx.op('Sub', [onnx.op('Cast', [values], { to }), zero]);
    const scaled = onnx.op('Mul', [centred, onnx.op('Unsqueeze', [scales as string, last])]);
    const lead = (y as Tensor).shape.slice(0, -1).map(() => 0);
    return onnx.op('Reshape', [scaled, onnx.ints([...lead, sizeOf(y as Tensor, -1)])]);
  },
  noGradient: 'quantized weights are not trained',
  samples: [
    ...[8, 4].map((bits) => ({
      inputs: [
        { shape: [5, 2, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
        { shape: [5, 2], range: [0.1, 1] as const },
      ],
      attributes: { bits },
    })),
    ...[4, 8].map((bits) => ({
      inputs: [
        { shape: [5, 3, bits * 4], dtype: 'u8' as const, range: [0, 256] as const },
        { shape: [5, 3], range: [0.1, 1] as const },
        { shape: [5, bits === 8 ? 3 : 2], dtype: 'u8' as const, range: [0, 256] as const },
      ],
      attributes: { bits },
    })),
  ],
});
