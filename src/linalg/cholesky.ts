import { type Matrix, matrix } from './matrix.ts';

const dependent = 1e-13; // of a diagonal element: what rounding leaves of it where nothing should be left

/**
 * The lower triangle L with L L^T = a of a symmetric positive semi-definite matrix. A row that depends on those before
 * it gets the pivot Infinity, so that solving with L gives 0 for it. (Golub and Van Loan 2013, algorithm 4.2.1)
 */
export function cholesky(a: Matrix): Matrix {
  const n = a.rows;
  const lower = matrix(n, n);
  const l = lower.data;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a.data[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      if (i !== j) l[i * n + j] = sum / (l[j * n + j] as number);
      else l[i * n + i] = sum > dependent * (a.data[i * n + i] as number) ? Math.sqrt(sum) : Number.POSITIVE_INFINITY;
    }
  }
  return lower;
}

/** L^-1 b by forward substitution. */
export function solveLower(lower: Matrix, b: Matrix): Matrix {
  const { rows: n, columns } = b;
  const x = matrix(n, columns);
  x.data.set(b.data);
  for (let i = 0; i < n; i++) {
    const row = x.data.subarray(i * columns, (i + 1) * columns);
    for (let k = 0; k < i; k++) {
      const factor = lower.data[i * n + k] as number;
      const from = k * columns;
      for (let j = 0; j < columns; j++) row[j] = (row[j] as number) - factor * (x.data[from + j] as number);
    }
    const pivot = lower.data[i * n + i] as number;
    for (let j = 0; j < columns; j++) row[j] = (row[j] as number) / pivot;
  }
  return x;
}
