import { type Value, value } from '../../engine/index.ts';
import {
  abs,
  add,
  cast,
  concat,
  greater,
  matmul,
  max,
  maximum,
  mul,
  slice,
  sum,
  type Tensor,
} from '../../tensor/index.ts';

/**
 * A total over positions that is accumulated inside the graph: activations never leave the engine for it. Padding is
 * not counted.
 */
export interface Reduction {
  /** Names the reduction: equal keys mean equal graphs. */
  readonly key: string;
  readonly dtype: 'f32' | 'f64';
  /** The shape of the total over an activation of `size` columns. */
  shape(size: number): readonly number[];
  /** The total after the rows [rows, size] of a batch; rows that are padding are zero. */
  add(total: Tensor, rows: Tensor): Tensor;
}

/** An activation by its path within a block, what is accumulated of it, and the total so far, which is written over. */
export interface Total {
  readonly path: string;
  readonly reduction: Reduction;
  readonly value: Value;
}

/** A total of zeros for an activation of `size` columns. */
export function emptyTotal(path: string, reduction: Reduction, size: number): Total {
  const shape = reduction.shape(size);
  const length = shape.reduce((product, dim) => product * dim, 1);
  const data = reduction.dtype === 'f64' ? new Float64Array(length) : new Float32Array(length);
  return { path, reduction, value: value(reduction.dtype as 'f32', shape, data as Float32Array) };
}

/**
 * X^T X of the rows X, float32 [size, size]; or only its rows [from, to), [to - from, size], so that a wide input takes
 * its square in tiles.
 */
export function secondMoment(rows?: readonly [from: number, to: number]): Reduction {
  return {
    key: `second-moment ${rows ?? ''}`,
    dtype: 'f32',
    shape: (size) => [rows ? rows[1] - rows[0] : size, size],
    add: (total, x) =>
      add(total, matmul(rows ? slice(x, 1, rows[0], rows[1], rows[1] - rows[0]) : x, x, { transA: true })),
  };
}

/** The sum of each column, float64 [size]. */
export const columnSums: Reduction = {
  key: 'column-sums',
  dtype: 'f64',
  shape: (size) => [size],
  add: (total, x) => add(total, cast(sum(x, [0]), 'f64')),
};

/** The sum of absolute values of each column, float64 [size]. */
export const columnAbsSums: Reduction = {
  key: 'column-abs-sums',
  dtype: 'f64',
  shape: (size) => [size],
  add: (total, x) => add(total, cast(sum(abs(x), [0]), 'f64')),
};

/** The sum of squares of each column, float64 [size]: the diagonal of the second moment. */
export const columnSquares: Reduction = {
  key: 'column-squares',
  dtype: 'f64',
  shape: (size) => [size],
  add: (total, x) => add(total, cast(sum(mul(x, x), [0]), 'f64')),
};

/** The largest absolute value of each column, float32 [size]. */
export const columnAbsMax: Reduction = {
  key: 'column-abs-max',
  dtype: 'f32',
  shape: (size) => [size],
  add: (total, x) => maximum(total, max(abs(x), [0])),
};

/**
 * How many values of each column are larger in magnitude than 2^exponent, for each of `exponents`: float64
 * [exponents, size]. Differences of neighbours are a histogram of log2 |y|.
 */
export function columnExceedances(exponents: readonly number[]): Reduction {
  return {
    key: `column-exceedances ${exponents}`,
    dtype: 'f64',
    shape: (size) => [exponents.length, size],
    add(total, x) {
      const sizes = abs(x);
      const counts = exponents.map((exponent) => sum(cast(greater(sizes, 2 ** exponent), 'f32'), [0], true));
      return add(total, cast(concat(counts, 0), 'f64'));
    },
  };
}
