import { CriaError } from '../base/index.ts';
import { type Matrix, matrix } from './matrix.ts';

/** Eigenvalues from the largest to the smallest, and unit eigenvectors as the rows of a matrix. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: Matrix;
}

/**
 * All eigenvalues and eigenvectors of a symmetric matrix: Householder reflections make it tridiagonal, QL iterations
 * with implicit shifts make that diagonal. (Golub and Van Loan 2013, sections 8.3.1 and 8.3.3; EISPACK tred2, tql2)
 * @throws CriaError when the matrix holds values that are not finite.
 */
export function symmetricEigen(a: Matrix): Eigen {
  const n = a.rows;
  if (!Number.isFinite(a.data.reduce((sum, x) => sum + x * 0, 0))) {
    throw new CriaError('cannot compute the eigenvalues of a matrix with NaN or Inf', {
      kind: 'failure',
    });
  }
  const rows = Array.from({ length: n }, (_, i) => a.data.slice(i * n, (i + 1) * n));
  const { diagonal, beside } = tridiagonalize(rows);
  diagonalize(diagonal, beside, rows);
  const order = [...diagonal.keys()].sort((i, j) => (diagonal[j] as number) - (diagonal[i] as number));
  const vectors = matrix(n, n);
  for (const [to, from] of order.entries()) vectors.data.set(rows[from] as Float64Array, to * n);
  return { values: Float64Array.from(order, (i) => diagonal[i] as number), vectors };
}

/** T = P a P^T by n - 2 reflections from the last row up; `rows` becomes P. */
function tridiagonalize(rows: Float64Array[]): { diagonal: Float64Array; beside: Float64Array } {
  const n = rows.length;
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n); // beside[i] stands between i - 1 and i
  const at = (i: number) => rows[i] as Float64Array;
  for (let i = n - 1; i > 0; i--) {
    const v = at(i);
    let norm = 0;
    for (let k = 0; k < i; k++) norm += (v[k] as number) ** 2;
    const last = v[i - 1] as number;
    const alpha = last > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
    beside[i] = alpha;
    diagonal[i] = v[i] as number;
    // v - alpha e is what the reflection is made of; half is |v - alpha e|^2 / 2
    const half = norm - last * alpha;
    v[i] = half;
    if (half === 0) continue;
    v[i - 1] = last - alpha;
    const p = new Float64Array(i);
    let projected = 0;
    for (let j = 0; j < i; j++) {
      const row = at(j);
      // the lower triangle stands for both: row j gives p[j] its share, and what lies above the diagonal of others
      const factor = v[j] as number;
      let sum = (row[j] as number) * factor;
      for (let k = 0; k < j; k++) {
        const element = row[k] as number;
        sum += element * (v[k] as number);
        p[k] = (p[k] as number) + element * factor;
      }
      p[j] = sum;
    }
    for (let j = 0; j < i; j++) {
      p[j] = (p[j] as number) / half;
      projected += (p[j] as number) * (v[j] as number);
    }
    const share = projected / (2 * half);
    for (let j = 0; j < i; j++) p[j] = (p[j] as number) - share * (v[j] as number);
    for (let j = 0; j < i; j++) {
      const row = at(j);
      const x = v[j] as number;
      const y = p[j] as number;
      for (let k = 0; k <= j; k++) row[k] = (row[k] as number) - x * (p[k] as number) - y * (v[k] as number);
    }
  }
  if (n > 0) diagonal[0] = at(0)[0] as number;
  accumulate(rows);
  return { diagonal, beside };
}

/** Multiplies the reflections, each kept in its row with half its squared length on the diagonal, into `rows`. */
function accumulate(rows: Float64Array[]): void {
  const n = rows.length;
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const v = rows[i] as Float64Array;
    const half = v[i] as number;
    if (i > 0 && half !== 0) {
      sums.fill(0, 0, i);
      for (let k = 0; k < i; k++) addTo(sums, rows[k] as Float64Array, v[k] as number, i);
      for (let k = 0; k < i; k++) addTo(rows[k] as Float64Array, sums, -(v[k] as number) / half, i);
    }
    v.fill(0, 0, i);
    for (let k = 0; k < i; k++) (rows[k] as Float64Array)[i] = 0;
    v[i] = 1;
  }
  transposeInPlace(rows);
}

function addTo(target: Float64Array, source: Float64Array, factor: number, length: number): void {
  for (let k = 0; k < length; k++) target[k] = (target[k] as number) + factor * (source[k] as number);
}

function transposeInPlace(rows: Float64Array[]): void {
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < i; j++) {
      const other = rows[j] as Float64Array;
      [row[j], other[i]] = [other[i] as number, row[j] as number];
    }
  }
}

const mostIterations = 50; // a value; a few are usual

/** Makes a tridiagonal matrix diagonal by rotations, which turn neighbouring `rows` too. */
function diagonalize(diagonal: Float64Array, beside: Float64Array, rows: readonly Float64Array[]): void {
  const n = diagonal.length;
  beside.copyWithin(0, 1);
  if (n > 0) beside[n - 1] = 0;
  const small = (m: number) => {
    const around = Math.abs(diagonal[m] as number) + Math.abs(diagonal[m + 1] as number);
    return Math.abs(beside[m] as number) <= Number.EPSILON * around;
  };
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++) {
      let m = l;
      while (m < n - 1 && !small(m)) m++;
      if (m === l) break;
      if (iteration === mostIterations) {
        throw new CriaError('the eigenvalue iteration does not converge', { kind: 'failure' });
      }
      sweep(diagonal, beside, rows, l, m);
    }
  }
}

/** One QL step on l..m with the shift of Wilkinson. */
function sweep(d: Float64Array, e: Float64Array, rows: readonly Float64Array[], l: number, m: number): void {
  const [first, off] = [d[l] as number, e[l] as number];
  const g0 = ((d[l + 1] as number) - first) / (2 * off);
  const r0 = Math.hypot(g0, 1);
  let g = (d[m] as number) - first + off / (g0 + (g0 >= 0 ? r0 : -r0));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = sine * (e[i] as number);
    const b = cosine * (e[i] as number);
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = (d[i + 1] as number) - shift;
      e[m] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    const lifted = (d[i + 1] as number) - shift;
    const t = ((d[i] as number) - lifted) * sine + 2 * cosine * b;
    shift = sine * t;
    d[i + 1] = lifted + shift;
    g = cosine * t - b;
    rotate(rows[i] as Float64Array, rows[i + 1] as Float64Array, cosine, sine);
  }
  d[l] = (d[l] as number) - shift;
  e[l] = g;
  e[m] = 0;
}

function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < x.length; k++) {
    const a = x[k] as number;
    const b = y[k] as number;
    y[k] = sine * a + cosine * b;
    x[k] = cosine * a - sine * b;
  }
}
