import { type Matrix, matrix } from './matrix.ts';

const dependent = 1e-13; // of a diagonal element: what rounding leaves of it where nothing should be left

/**
 * The lower triangle L with L L^T = a of a symmetric positive semi-definite matrix. A row that depends on those before
 * it gets the pivot Infinity, so that dividing by it gives 0. (Golub and Van Loan 2013, algorithm 4.2.1)
 */
export function cholesky(a: Matrix): Matrix {
  const n = a.rows;
  const lower = matrix(n, n);
  for (let i = 0; i < n; i++) {
    const row = lower.data.subarray(i * n, (i + 1) * n);
    for (let j = 0; j <= i; j++) {
      const other = lower.data.subarray(j * n, (j + 1) * n);
      const whole = a.data[i * n + j] as number;
      let left = whole;
      for (let k = 0; k < j; k++) left -= (row[k] as number) * (other[k] as number);
      if (i !== j) row[j] = left / (other[j] as number);
      else row[i] = left > dependent * whole ? Math.sqrt(left) : Number.POSITIVE_INFINITY;
    }
  }
  return lower;
}

/**
 * L^-1 of a = L L^T: it makes rows whose inner products are `a` orthonormal, and 0 those that depend on the ones before
 * them.
 */
export function orthonormalizer(a: Matrix): Matrix {
  const n = a.rows;
  const lower = cholesky(a);
  const inverse = matrix(n, n);
  for (let i = 0; i < n; i++) {
    const row = inverse.data.subarray(i * n, (i + 1) * n);
    row[i] = 1;
    for (let k = 0; k < i; k++) {
      const factor = lower.data[i * n + k] as number;
      const from = k * n;
      for (let j = 0; j <= k; j++) row[j] = (row[j] as number) - factor * (inverse.data[from + j] as number);
    }
    const pivot = lower.data[i * n + i] as number;
    for (let j = 0; j <= i; j++) row[j] = (row[j] as number) / pivot;
  }
  return inverse;
}
