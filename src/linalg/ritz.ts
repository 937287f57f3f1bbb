import { cholesky, solveLower } from './cholesky.ts';
import { symmetricEigen } from './eigen.ts';
import { identity, type Matrix, multiply, transposed } from './matrix.ts';

/** Singular values from the largest to the smallest, and what makes right singular vectors of the rows of Z. */
export interface Ritz {
  readonly values: Float64Array;
  /** [q, q]: its product with Z has the unit vectors as rows; zeros where Z has no more directions. */
  readonly turn: Matrix;
}

const negligible = 1e-7; // of the largest singular value: less than the rounding of float32 rows

/**
 * The singular values and vectors of a matrix A as far as the columns of H = A Q^T tell, from the products `left` =
 * H^T H and `right` = Z Z^T, where Z = H^T A. With H = U L^T and U orthonormal, U^T A = L^-1 Z: its singular values and
 * right vectors follow from the eigenvalues of L^-1 Z Z^T L^-T. (Halko, Martinsson and Tropp 2011, algorithm 5.1)
 */
export function ritz(left: Matrix, right: Matrix): Ritz {
  const inverse = solveLower(cholesky(left), identity(left.rows));
  const { values: squares, vectors } = symmetricEigen(multiply(multiply(inverse, right), transposed(inverse)));
  const values = squares.map((square) => Math.sqrt(Math.max(0, square)));
  const turn = multiply(vectors, inverse);
  for (const [i, value] of values.entries()) {
    const factor = value > negligible * (values[0] as number) ? 1 / value : 0;
    for (let j = i * turn.columns; j < (i + 1) * turn.columns; j++) turn.data[j] = factor * (turn.data[j] as number);
  }
  return { values, turn };
}
