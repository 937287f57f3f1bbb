import { CriaError, throwIfAborted } from '../base/index.ts';
import { type ArrayOf, arrayTypes, type CompileOptions, compile, type Value, value } from '../engine/index.ts';
import { add, input, matmul, sub } from '../tensor/index.ts';
import type { Matrix } from './matrix.ts';

/** The dtype of large products. Panels are always factored in float64. */
export type Precision = 'f32' | 'f64';

type MatrixOf<P extends Precision> = Matrix<ArrayOf[P]>;

/** L with L L^T = a, and L^-1. Both are lower triangular, zero above the diagonal. */
export interface CholeskyFactor<P extends Precision> {
  readonly lower: MatrixOf<P>;
  readonly inverse: MatrixOf<P>;
}

/** Factors symmetric positive definite matrices [n, n] of any size, both triangles of which are given. */
export interface BlockedCholesky<P extends Precision> {
  /** @throws NotPositiveDefinite */
  factor(a: MatrixOf<P>, signal?: AbortSignal): Promise<CholeskyFactor<P>>;
  /** a^-1 = L^-T L^-1, symmetric to the bit. @throws NotPositiveDefinite */
  inverse(a: MatrixOf<P>, signal?: AbortSignal): Promise<MatrixOf<P>>;
  /**
   * The upper triangular U with U^T U = a^-1, from which SparseGPT and GPTQ read their updates. It is the inverse factor
   * of the matrix with rows and columns in reverse order, reversed, so that a^-1 itself is never formed.
   * @throws NotPositiveDefinite with the pivot counted in `a`
   */
  inverseFactor(a: MatrixOf<P>, signal?: AbortSignal): Promise<MatrixOf<P>>;
  dispose(): Promise<void>;
}

/** A pivot of a Cholesky factorisation that is not positive: `value` remained of diagonal element `pivot`. */
export class NotPositiveDefinite extends CriaError {
  readonly pivot: number;
  readonly value: number;

  constructor(pivot: number, value: number) {
    super(`the matrix is not positive definite: pivot ${pivot} is ${value}`, {
      remedy: 'add a multiple of the identity',
      kind: 'failure',
    });
    this.pivot = pivot;
    this.value = value;
  }
}

const panel = 64; // a larger one is slower in TypeScript than its product in the engine

/**
 * Compiles the products of a recursive Cholesky factorisation: a matrix is halved, its leading half factored and
 * inverted, and the rest follows from products with that inverse. Errors of L L^T are about n times the rounding of
 * `precision`; errors of the inverse grow with the condition number. (Elmroth, Gustavson, Jonsson and Kagstrom 2004)
 */
export async function openCholesky<P extends Precision>(
  precision: P,
  options: CompileOptions = {},
): Promise<BlockedCholesky<P>> {
  const read = (name: string, rows: string, columns: string) => input(name, precision, [rows, columns]);
  const solved = matmul(read('below', 'm', 'k'), read('first', 'k', 'k'), { transB: true });
  const product = matmul(read('second', 'm', 'm'), matmul(read('lower', 'm', 'k'), read('first', 'k', 'k')), {
    scale: -1,
  });
  const square = matmul(read('below', 'm', 'k'), read('below', 'm', 'k'), { transA: true });
  const programs = {
    downdate: await compile(
      { solved, left: sub(read('rest', 'm', 'm'), matmul(solved, solved, { transB: true })) },
      options,
    ),
    invert: await compile({ product }, options),
    outer: await compile(
      {
        outer: add(read('first', 'k', 'k'), square),
        beside: matmul(read('second', 'm', 'm'), read('below', 'm', 'k'), { transA: true }),
      },
      options,
    ),
  };
  type M = MatrixOf<P>;
  const fed = ({ rows, columns, data }: M): Value => value(precision, [rows, columns], data);
  const got = ({ shape: [rows = 0, columns = 0], data }: Value): M => ({ rows, columns, data: data as ArrayOf[P] });
  const empty = (rows: number, columns: number): M => ({
    rows,
    columns,
    data: new arrayTypes[precision](rows * columns) as ArrayOf[P],
  });

  const rounded = (data: Float64Array, n: number): M => {
    const result = empty(n, n);
    result.data.set(data);
    return result;
  };
  const block = (a: M, row: number, column: number, rows: number, columns: number): M => {
    const part = empty(rows, columns);
    for (let i = 0; i < rows; i++) {
      const from = (row + i) * a.columns + column;
      part.data.set(a.data.subarray(from, from + columns), i * columns);
    }
    return part;
  };
  const place = (into: M, row: number, column: number, part: M): void => {
    for (let i = 0; i < part.rows; i++) {
      const from = part.data.subarray(i * part.columns, (i + 1) * part.columns);
      into.data.set(from, (row + i) * into.columns + column);
    }
  };

  /** `at`: the index of the first pivot in the whole matrix. */
  const factor = async (a: M, at: number, signal?: AbortSignal): Promise<CholeskyFactor<P>> => {
    throwIfAborted(signal);
    const n = a.rows;
    if (n <= panel) {
      const { lower, inverse } = factorPanel(a.data, n, at);
      return { lower: rounded(lower, n), inverse: rounded(inverse, n) };
    }
    const k = half(n);
    const m = n - k;
    const leading = await factor(block(a, 0, 0, k, k), at, signal);
    const below = block(a, k, 0, m, k);
    const done = await programs.downdate.run({
      below: fed(below),
      first: fed(leading.inverse),
      rest: fed(block(a, k, k, m, m)),
    });
    const trailing = await factor(got(done.left as Value), at + k, signal);
    const inverted = await programs.invert.run({
      second: fed(trailing.inverse),
      lower: done.solved as Value,
      first: fed(leading.inverse),
    });
    const [lower, inverse] = [empty(n, n), empty(n, n)];
    place(lower, 0, 0, leading.lower);
    place(lower, k, 0, got(done.solved as Value));
    place(lower, k, k, trailing.lower);
    place(inverse, 0, 0, leading.inverse);
    place(inverse, k, 0, got(inverted.product as Value));
    place(inverse, k, k, trailing.inverse);
    return { lower, inverse };
  };

  /** The lower triangle of x^T x for a lower triangular x; elements above the diagonal are arbitrary. */
  const gram = async (x: M): Promise<M> => {
    const n = x.rows;
    if (n <= panel) return rounded(gramPanel(x.data, n), n);
    const result = empty(n, n);
    const k = half(n);
    const second = block(x, k, k, n - k, n - k);
    const made = await programs.outer.run({
      first: fed(await gram(block(x, 0, 0, k, k))),
      second: fed(second),
      below: fed(block(x, k, 0, n - k, k)),
    });
    place(result, 0, 0, got(made.outer as Value));
    place(result, k, 0, got(made.beside as Value));
    place(result, k, k, await gram(second));
    return result;
  };

  return {
    factor: (a, signal) => factor(a, 0, signal),
    async inverse(a, signal) {
      const result = await gram((await factor(a, 0, signal)).inverse);
      copyBelowAbove(result.data, result.rows);
      return result;
    },
    async inverseFactor(a, signal) {
      const reversed: M = { ...a, data: a.data.slice() as ArrayOf[P] };
      reversed.data.reverse(); // both rows and columns
      try {
        const { inverse } = await factor(reversed, 0, signal);
        inverse.data.reverse();
        return inverse;
      } catch (error) {
        if (!(error instanceof NotPositiveDefinite)) throw error;
        throw new NotPositiveDefinite(a.rows - 1 - error.pivot, error.value);
      }
    },
    async dispose() {
      await Promise.all(Object.values(programs).map((program) => program.dispose()));
    },
  };
}

type Numbers = Float32Array | Float64Array;

/** Half of n in whole panels, rounded up; n is larger than a panel. */
const half = (n: number): number => Math.ceil(n / 2 / panel) * panel;

/** L and L^-1 of a small matrix by their definitions, row by row. (Golub and Van Loan 2013, section 4.2.5) */
function factorPanel(a: Numbers, n: number, at: number): { lower: Float64Array; inverse: Float64Array } {
  const [lower, inverse] = [new Float64Array(n * n), new Float64Array(n * n)];
  for (let i = 0; i < n; i++) {
    const row = lower.subarray(i * n, (i + 1) * n);
    for (let j = 0; j <= i; j++) {
      let left = a[i * n + j] as number;
      for (let k = 0; k < j; k++) left -= (row[k] as number) * (lower[j * n + k] as number);
      if (i !== j) row[j] = left / (lower[j * n + j] as number);
      else if (left > 0 && left < Number.POSITIVE_INFINITY) row[j] = Math.sqrt(left);
      else throw new NotPositiveDefinite(at + i, left);
    }
    const made = inverse.subarray(i * n, (i + 1) * n);
    const pivot = row[i] as number;
    for (let k = 0; k < i; k++) {
      const factor = -(row[k] as number) / pivot;
      for (let j = 0; j <= k; j++) made[j] = (made[j] as number) + factor * (inverse[k * n + j] as number);
    }
    made[i] = 1 / pivot;
  }
  return { lower, inverse };
}

/** The lower triangle of x^T x in float64, added row by row of x. */
function gramPanel(x: Numbers, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i <= k; i++) {
      const factor = x[k * n + i] as number;
      for (let j = 0; j <= i; j++) {
        result[i * n + j] = (result[i * n + j] as number) + factor * (x[k * n + j] as number);
      }
    }
  }
  return result;
}

function copyBelowAbove(data: Numbers, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) data[j * n + i] = data[i * n + j] as number;
}
