import { type CompileOptions, compile, type Value, value } from '../engine/index.ts';
import { input, matmul } from '../tensor/index.ts';
import { type LinearMap, normalRows, openRandomizedSvd, type Rows, type SingularRows } from './randomized.ts';

/** A = left^T diag(values) right, as far as the largest singular values reach. */
export interface Singular {
  readonly values: Float64Array;
  /** Unit rows [rank, m]: 0 beyond the rank of A. */
  readonly left: Rows;
  /** [rank, n]. */
  readonly right: Rows;
}

const passes = 20; // an angle shrinks by (singular value 2 rank + 1 / singular value rank)^2 in each
const seed = 0; // of the start, which the result hardly shows

/**
 * The `rank` largest singular values and vectors of a matrix [m, n], by subspace iteration with twice as many rows. What
 * grows with m n is the engine's work.
 */
export async function topSingular(a: Rows, rank: number, options: CompileOptions = {}): Promise<Singular> {
  const matrix = input('a', 'f32', ['m', 'n']);
  const map: LinearMap = {
    forth: (x) => matmul(x, matrix, { transB: true }),
    back: (y) => matmul(y, matrix),
  };
  const feeds = { a: value('f32', [a.rows, a.columns], a.data) };
  const svd = await openRandomizedSvd(map, 'right', options);
  const projection = await compile({ rows: map.forth(input('right', 'f32', ['r', 'n'])) }, options);
  try {
    const start = normalRows(Math.min(2 * rank, a.rows, a.columns), a.columns, seed);
    const { values, right } = first(rank, await svd.run(feeds, start, passes));
    const projected = await projection.run({ ...feeds, right: value('f32', [right.rows, right.columns], right.data) });
    const data = divided((projected.rows as Value<'f32'>).data, values);
    return { values, left: { rows: right.rows, columns: a.rows, data }, right };
  } finally {
    await Promise.all([svd.dispose(), projection.dispose()]);
  }
}

function first(rank: number, { values, vectors }: SingularRows): { values: Float64Array; right: Rows } {
  const { columns } = vectors;
  const rows = Math.min(rank, vectors.rows);
  return { values: values.slice(0, rank), right: { rows, columns, data: vectors.data.slice(0, rows * columns) } };
}

/** Each row divided by its value; a row whose value is 0 stays 0. */
function divided(rows: Float32Array, values: Float64Array): Float32Array {
  const columns = rows.length / values.length;
  return rows.map((x, i) => x / ((values[Math.floor(i / columns)] as number) || 1));
}
