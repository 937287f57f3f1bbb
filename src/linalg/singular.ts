import type { CompileOptions } from '../engine/index.ts';
import { compile, type Value, value } from '../engine/index.ts';
import { input, matmul } from '../tensor/index.ts';
import { openSubspaceIteration, type Rows, randomRows, type Subspace } from './subspace.ts';

/** A = left^T diag(values) right, as far as the largest singular values reach. */
export interface Singular extends Subspace {
  /** Unit rows of length m. */
  readonly left: Rows;
}

const seed = 0; // of the start, whose choice the result does not show
const enough = { passes: 60, change: 1e-6 };

/**
 * The `rank` largest singular values and vectors of a matrix [m, n] by subspace iteration with twice as many rows,
 * which converges where singular values fall from the first to the last of them. Cubic work is the engine's.
 */
export async function topSingular(a: Rows, rank: number, options: CompileOptions = {}): Promise<Singular> {
  const size = Math.min(2 * rank, a.rows, a.columns);
  const iteration = await openSubspaceIteration(options);
  const projection = await compile(
    { projected: matmul(input('right', 'f32', ['r', 'n']), input('a', 'f32', ['m', 'n']), { transB: true }) },
    options,
  );
  try {
    const start = randomRows(size, a.columns, seed);
    const found = await iteration.improve(a, start, { ...enough, values: rank });
    const right = found.right.data.slice(0, rank * a.columns);
    const { projected } = await projection.run({
      right: value('f32', [rank, a.columns], right),
      a: value('f32', [a.rows, a.columns], a.data),
    });
    const values = found.values.slice(0, rank);
    return {
      values,
      left: { rows: rank, columns: a.rows, data: divided((projected as Value<'f32'>).data, values) },
      right: { rows: rank, columns: a.columns, data: right },
    };
  } finally {
    await Promise.all([iteration.dispose(), projection.dispose()]);
  }
}

/** Each row divided by its value; a row whose value is 0 stays 0. */
function divided(rows: Float32Array, values: Float64Array): Float32Array {
  const columns = rows.length / values.length;
  return rows.map((x, i) => x / ((values[Math.floor(i / columns)] as number) || 1));
}
