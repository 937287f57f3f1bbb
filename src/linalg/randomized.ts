import { normalFrom, randomFrom, throwIfAborted } from '../base/index.ts';
import { type CompileOptions, compile, scratch, type Value, type Values, value } from '../engine/index.ts';
import { cast, input, matmul, type Tensor } from '../tensor/index.ts';
import { orthonormalizer } from './cholesky.ts';
import { identity, type Matrix } from './matrix.ts';
import { ritz } from './ritz.ts';

/** Rows of float32, as the engine multiplies them. */
export type Rows = Matrix<Float32Array>;

/** A matrix A [m, n] as what it does to rows; its parts are inputs of the graph. */
export interface LinearMap {
  /** [q, n] -> [q, m]: x A^T. */
  readonly forth: (x: Tensor) => Tensor;
  /** [q, m] -> [q, n]: y A. */
  readonly back: (y: Tensor) => Tensor;
}

/** Singular values from the largest to the smallest, and their vectors as unit rows: 0 beyond the rank. */
export interface SingularRows {
  readonly values: Float64Array;
  readonly vectors: Rows;
}

/** Randomized subspace iteration, compiled once for matrices of any size. */
export interface RandomizedSvd {
  /**
   * The q largest singular values of the matrix whose parts are `feeds`, and their right vectors [q, n]. `start` are q
   * rows of the side from which it goes; each of `passes` multiplies what they span by A^T A (A A^T).
   */
  run(feeds: Values, start: Rows, passes: number, signal?: AbortSignal): Promise<SingularRows>;
  dispose(): Promise<void>;
}

/**
 * Compiles the iteration. It goes from rows of the side `from` of A: `right` ones are [q, n], `left` ones [q, m], which
 * costs less where A has fewer rows than columns. Products with A are in float32, inner products in float64, so that
 * directions a thousandth of the largest keep their digits. (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1)
 */
export async function openRandomizedSvd(
  { forth, back }: LinearMap,
  from: 'left' | 'right',
  options: CompileOptions = {},
): Promise<RandomizedSvd> {
  const side = from === 'right' ? 'n' : 'm';
  const turned = matmul(input('turn', 'f32', ['q', 'q']), input('rows', 'f32', ['q', side]));
  const [there, again] = from === 'right' ? [forth, back] : [back, forth];
  const h = there(turned);
  const z = again(h);
  const pass = await compile({ made: z, inner: inner(z) }, options);
  const last = await compile({ made: from === 'right' ? z : h, innerH: inner(h), innerZ: inner(z) }, options);
  const right = matmul(input('turn', 'f32', ['q', 'q']), input('rows', 'f32', ['q', 'n']));
  const turning = await compile({ made: right }, options);
  const room = scratch();
  return {
    async run(feeds, start, passes, signal) {
      const { rows: q, columns } = start;
      const small = [q, q];
      const turnFeed = ({ data }: Matrix) => value('f32', small, new Float32Array(data));
      let turn = identity(q);
      let rows: Value = value('f32', [q, columns], start.data);
      for (let done = 1; done < passes; done++) {
        throwIfAborted(signal);
        const made = room(`made ${done % 2}`, 'f32', rows.shape); // the other one is being read
        const product = room('inner', 'f64', small);
        await pass.run({ ...feeds, turn: turnFeed(turn), rows }, { made, inner: product });
        turn = orthonormalizer({ rows: q, columns: q, data: product.data });
        rows = made;
      }
      const [innerH, innerZ] = [room('h', 'f64', small), room('z', 'f64', small)];
      const results = await last.run({ ...feeds, turn: turnFeed(turn), rows }, { innerH, innerZ });
      const { values, ofH, ofZ } = ritz(
        { rows: q, columns: q, data: innerH.data },
        { rows: q, columns: q, data: innerZ.data },
      );
      const final = await turning.run({ turn: turnFeed(from === 'right' ? ofZ : ofH), rows: results.made as Value });
      const { data, shape } = final.made as Value<'f32'>;
      return { values, vectors: { rows: q, columns: shape[1] as number, data } };
    },
    async dispose() {
      await Promise.all([pass.dispose(), last.dispose(), turning.dispose()]);
    },
  };
}

const inner = (rows: Tensor) => matmul(cast(rows, 'f64'), cast(rows, 'f64'), { transB: true });

/** Independent normal numbers. */
export function normalRows(rows: number, columns: number, seed: number): Rows {
  const normal = normalFrom(randomFrom(seed));
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, normal) };
}
