import type { Scheme } from '../schemes/index.ts';

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
