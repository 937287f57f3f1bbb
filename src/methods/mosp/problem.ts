import type { Matrix } from '../../linalg/index.ts';

/** A matrix of float32, row-major. Weights are [out, in], as in a checkpoint; second moments [in, in]. */
export type Floats = Matrix<Float32Array>;

/** A second moment X^T X with a ridge, scaled to a unit diagonal. */
export interface ScaledMoment {
  readonly moment: Floats;
  /** [in]: the root of the diagonal with the ridge; weights times it are in the scaled space. */
  readonly scale: Float32Array;
}

export const ridge = 0.01; // of the mean of the diagonal: ALPS, the authors' code
const least = 1e-8; // the scale of an input that is always zero

export function meanDiagonal({ rows: n, data }: Floats): number {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += data[i * n + i] as number;
  return trace / n;
}

/** The matrix with a number added to its diagonal. */
export function plusDiagonal({ rows: n, columns, data }: Floats, added: number): Floats {
  const sum = data.slice();
  for (let i = 0; i < n; i++) sum[i * n + i] = (sum[i * n + i] as number) + added;
  return { rows: n, columns, data: sum };
}

/** Adds a hundredth of the mean diagonal and divides by the roots of the diagonal on both sides. (ALPS, section 3.3) */
export function scaleMoment(unscaled: Floats): ScaledMoment {
  const { rows: n, data } = unscaled;
  const gamma = ridge * meanDiagonal(unscaled);
  const scale = Float32Array.from({ length: n }, (_, i) => Math.sqrt((data[i * n + i] as number) + gamma) + least);
  const moment = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const own = scale[i] as number;
    for (let j = 0; j < n; j++) moment[i * n + j] = (data[i * n + j] as number) / (own * (scale[j] as number));
    moment[i * n + i] = ((data[i * n + i] as number) + gamma) / (own * own);
  }
  return { moment: { rows: n, columns: n, data: moment }, scale };
}

/** The sum of second moments: that of their inputs one after the other. */
export function sumOf(moments: readonly Floats[]): Floats {
  const [first, ...others] = moments as readonly [Floats, ...Floats[]];
  if (others.length === 0) return first;
  const data = first.data.slice();
  for (const other of others)
    for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) + (other.data[i] as number);
  return { ...first, data };
}

/** Weights with each input's column multiplied by its scale. */
export const intoScale = (weights: Floats, scale: Float32Array): Floats =>
  eachColumn(weights, (x, j) => x * (scale[j] as number));

/** The inverse of intoScale: exact zeros stay zeros. */
export const outOfScale = (weights: Floats, scale: Float32Array): Floats =>
  eachColumn(weights, (x, j) => x / (scale[j] as number));

function eachColumn(weights: Floats, change: (value: number, column: number) => number): Floats {
  const { rows, columns, data } = weights;
  const changed = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) changed[i * columns + j] = change(data[i * columns + j] as number, j);
  }
  return { rows, columns, data: changed };
}
