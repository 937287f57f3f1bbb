import { bitsOf, type Quantized, relativeError, type Scheme, type WeightMatrix } from '../schemes/index.ts';
import type { Target } from './plan.ts';

/** What became of a matrix. */
export interface TensorResult {
  readonly name: string;
  readonly scheme: Scheme;
  /** |W - Wq|F / |W|F. */
  readonly relativeError: number;
  /** sqrt(tr(D H D^T) / tr(W H W^T)) over the calibration inputs, D = W - Wq. */
  readonly outputError?: number;
  /** Why it is held otherwise than it was asked for. */
  readonly fallback?: string;
  /** Bits of its codes, scales and zeros. */
  readonly bits: number;
  readonly elements: number;
}

/** Bits per weight of the quantized matrices together, scales counted. */
export function bitsPerWeight(tensors: readonly TensorResult[]): number {
  const sum = (of: (tensor: TensorResult) => number) => tensors.reduce((total, tensor) => total + of(tensor), 0);
  return sum(({ bits }) => bits) / sum(({ elements }) => elements);
}

/** What became of a target. */
export function resultOf(
  { name, quantizer }: Target,
  matrix: WeightMatrix,
  { codes, values, fallback }: Quantized,
): TensorResult {
  const halfScales = quantizer.scheme === 'gptq' || quantizer.scheme === 'awq';
  return {
    name,
    scheme: quantizer.scheme,
    relativeError: relativeError(matrix.data, values),
    ...(fallback && { fallback }),
    bits: bitsOf(codes, halfScales),
    elements: matrix.data.length,
  };
}
