import type { Codes } from '../../checkpoint/index.ts';

/** A weight matrix [out, inner], row-major. */
export interface WeightMatrix {
  readonly out: number;
  readonly inner: number;
  readonly data: Float32Array;
}

/** What calibration says of the inputs x of a linear map, summed over `tokens` positions. */
export interface InputStatistics {
  readonly tokens: number;
  /** Sum of x x^T, [inner, inner]. */
  readonly secondMoment: Float32Array;
  /** Sum of |x|, [inner]. */
  readonly absolute: Float32Array;
}

/** What a scheme makes of a matrix. */
export interface Quantized {
  readonly codes: Codes;
  /** The decoded matrix, float32 [out, inner]. */
  readonly values: Float32Array;
  /** Why the matrix is held otherwise than it was asked for; absent where it is not. */
  readonly fallback?: string;
}
