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

export interface Asked {
  readonly count: number;
  readonly passes: number;
}

/** Randomized subspace iteration, compiled once for matrices of any size. */
export interface RandomizedSvd {
  /**
   * The `count` largest singular values of the matrix whose parts are `feeds`, and their right vectors [count, n].
   * `start` are q >= count rows of the side from which it goes; each of `passes` multiplies what they span by A^T A
   * (A A^T).
   */
  run(feeds: Values, start: Rows, asked: Asked, signal?: AbortSignal): Promise<SingularRows>;
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
  const right = matmul(input('turn', 'f32', ['count', 'q']), input('rows', 'f32', ['q', 'n']));
  const turning = await compile({ made: right }, options);
  const room = scratch();
  return {
    async run(feeds, start, { count, passes }, signal) {
      const { rows: q, columns } = start;
      const product = (name: string) => room(name, 'f64', [q, q]);
      let turn = identity(q);
      let rows: Value = value('f32', [q, columns], start.data);
      for (let done = 1; done < passes; done++) {
        throwIfAborted(signal);
        const made = room(`rows ${done % 2}`, 'f32', rows.shape); // the other ones are being read
        const products = product('z');
        await pass.run({ ...feeds, turn: asFloats(turn), rows }, { made, inner: products });
        turn = orthonormalizer(asMatrix(products));
        rows = made;
      }
      const [innerH, innerZ] = [product('h'), product('z')];
      const { made } = await last.run({ ...feeds, turn: asFloats(turn), rows }, { innerH, innerZ });
      const { values, ofH, ofZ } = ritz(asMatrix(innerH), asMatrix(innerZ), count);
      const turnTo = asFloats(from === 'right' ? ofZ : ofH);
      const final = (await turning.run({ turn: turnTo, rows: made as Value })).made as Value<'f32'>;
      return { values, vectors: { rows: count, columns: final.shape[1] as number, data: final.data } };
    },
    async dispose() {
      await Promise.all([pass.dispose(), last.dispose(), turning.dispose()]);
    },
  };
}

const asMatrix = ({ shape: [rows = 0, columns = 0], data }: Value<'f64'>): Matrix => ({ rows, columns, data });
const asFloats = ({ rows, columns, data }: Matrix) => value('f32', [rows, columns], new Float32Array(data));
const inner = (rows: Tensor) => matmul(cast(rows, 'f64'), cast(rows, 'f64'), { transB: true });

/** Independent normal numbers. */
export function normalRows(rows: number, columns: number, seed: number): Rows {
  const normal = normalFrom(randomFrom(seed));
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, normal) };
}
