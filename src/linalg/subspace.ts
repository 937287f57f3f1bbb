import { normalFrom, randomFrom, throwIfAborted } from '../base/index.ts';
import { type CompileOptions, compile, type Value, value } from '../engine/index.ts';
import { cast, input, matmul, type Tensor } from '../tensor/index.ts';
import type { Matrix } from './matrix.ts';
import { ritz } from './ritz.ts';

/** Rows of float32, as the engine multiplies them. */
export type Rows = Matrix<Float32Array>;

/** Singular values from the largest to the smallest, and their right vectors: unit rows; zeros beyond the rank. */
export interface Subspace {
  readonly values: Float64Array;
  readonly right: Rows;
}

/** When to stop: after so many passes, or when one more has changed none of the first values by more than this. */
export interface Enough {
  readonly passes: number;
  readonly values: number;
  /** Relative. */
  readonly change: number;
}

/** Subspace iteration for matrices of any shape. */
export interface SubspaceIteration {
  /** Turns `start` [q, n] towards the right vectors of the q largest singular values of `a` [m, n]. */
  improve(a: Rows, start: Rows, enough: Enough, signal?: AbortSignal): Promise<Subspace>;
  dispose(): Promise<void>;
}

/**
 * Compiles subspace iteration: each pass multiplies the subspace by A^T A. Products with the matrix are in float32, the
 * small Gram matrices in float64, so that values a thousandth of the largest keep their digits.
 * (Halko, Martinsson and Tropp 2011, algorithm 4.4)
 */
export async function openSubspaceIteration(options: CompileOptions = {}): Promise<SubspaceIteration> {
  const projected = matmul(input('start', 'f32', ['q', 'n']), input('a', 'f32', ['m', 'n']), { transB: true });
  const z = matmul(projected, input('a', 'f32', ['m', 'n']));
  const pass = await compile({ z, left: gram(projected), right: gram(z) }, options);
  const turned = matmul(input('turn', 'f32', ['q', 'q']), input('z', 'f32', ['q', 'n']));
  const turning = await compile({ turned }, options);
  return {
    async improve(a, start, enough, signal) {
      const whole = asValue(a);
      const q = start.rows;
      let rows = asValue(start);
      let last: Float64Array | undefined;
      for (let done = 1; ; done++) {
        throwIfAborted(signal);
        const made = await pass.run({ a: whole, start: rows });
        const [left, right] = [made.left, made.right].map((product) => squareOf(product as Value<'f64'>, q));
        const { values, turn } = ritz(left as Matrix, right as Matrix);
        const feeds = { turn: value('f32', [q, q], Float32Array.from(turn.data)), z: made.z as Value };
        rows = (await turning.run(feeds)).turned as Value<'f32'>;
        if (done >= enough.passes || (last && settled(values, last, enough))) {
          return { values, right: { ...start, data: rows.data } };
        }
        last = values;
      }
    },
    async dispose() {
      await Promise.all([pass.dispose(), turning.dispose()]);
    },
  };
}

/** Rows of independent normal numbers: a start when nothing is known. */
export function randomRows(rows: number, columns: number, seed: number): Rows {
  const normal = normalFrom(randomFrom(seed));
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, normal) };
}

const gram = (rows: Tensor) => matmul(cast(rows, 'f64'), cast(rows, 'f64'), { transB: true });
const asValue = ({ rows, columns, data }: Rows) => value('f32', [rows, columns], data);
const squareOf = ({ data }: Value<'f64'>, size: number): Matrix => ({ rows: size, columns: size, data });

function settled(values: Float64Array, last: Float64Array, enough: Enough): boolean {
  for (let i = 0; i < Math.min(enough.values, values.length); i++) {
    const [now, before] = [values[i] as number, last[i] as number];
    if (Math.abs(now - before) > enough.change * now) return false;
  }
  return true;
}
