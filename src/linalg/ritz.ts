import { orthonormalizer } from './cholesky.ts';
import { symmetricEigen } from './eigen.ts';
import { type Matrix, multiply, transposed } from './matrix.ts';

/** Singular values from the largest to the smallest, and what makes singular vectors of rows of H and of Z. */
export interface Ritz {
  readonly values: Float64Array;
  /** [q, q]: times H it has the left vectors as rows, times Z the right ones. Zeros where nothing is left. */
  readonly ofH: Matrix;
  readonly ofZ: Matrix;
}

const negligible = 1e-7; // of the largest singular value: less than the rounding of float32 rows

/**
 * The singular values and vectors of A [m, n] as far as the rows of H = Q A^T [q, m] tell, from the inner products of
 * the rows of H and of Z = H A. With H = L U and U orthonormal, U A = L^-1 Z: its singular values and left vectors are
 * those of L^-1 (Z Z^T) L^-T. (Halko, Martinsson and Tropp 2011, algorithm 5.1)
 */
export function ritz(innerH: Matrix, innerZ: Matrix): Ritz {
  const orthonormal = orthonormalizer(innerH);
  const { values: squares, vectors } = symmetricEigen(multiply(multiply(orthonormal, innerZ), transposed(orthonormal)));
  const values = squares.map((square) => Math.sqrt(Math.max(0, square)));
  const ofH = multiply(vectors, orthonormal);
  const ofZ = { ...ofH, data: ofH.data.slice() };
  for (const [i, value] of values.entries()) {
    const factor = value > negligible * (values[0] as number) ? 1 / value : 0;
    for (let j = i * ofZ.columns; j < (i + 1) * ofZ.columns; j++) ofZ.data[j] = factor * (ofZ.data[j] as number);
  }
  return { values, ofH, ofZ };
}
