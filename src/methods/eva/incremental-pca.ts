import { type CompileOptions, compile, type Value, type Values, value } from '../../engine/index.ts';
import { type LinearMap, openRandomizedSvd, type Rows } from '../../linalg/index.ts';
import { add, concat, input, matmul, mean, mul, slice, sub, sum, type Tensor, toEnd } from '../../tensor/index.ts';
import { torchNormal } from './torch-normal.ts';

/** What has been seen of the rows that one input gave: all that the next batch needs. */
export interface Pca {
  /** How many rows. */
  readonly seen: number;
  readonly mean: Float64Array;
  /** The squared distances of all rows from the mean, summed. */
  readonly spread: number;
  /** Singular values of the centred rows, from the largest to the smallest. */
  readonly values: Float64Array;
  /** Their right vectors: orthonormal rows [components, columns], the largest element of each positive. */
  readonly components: Rows;
  /** Whether the last batch left a component's direction as it was. */
  readonly converged: readonly boolean[];
}

/** The shares of the whole variance that components explain, kept ones and others together being 1. */
export function explainedRatios({ values, spread }: Pca): Float64Array {
  return values.map((size) => (spread > 0 ? size ** 2 / spread : 0));
}

export interface PcaOptions {
  /** How many components are kept; a batch has to have as many rows. */
  readonly components: number;
  /** A component has converged when the cosine between its directions before and after a batch is at least this. */
  readonly tau: number;
}

/** Incremental principal component analysis on the engine, for inputs of any width. */
export interface IncrementalPca {
  /** What is known after a batch of rows [b, columns]; `before` is undefined for the first. */
  update(before: Pca | undefined, rows: Rows, signal?: AbortSignal): Promise<Pca>;
  dispose(): Promise<void>;
}

// torch.svd_lowrank as PEFT calls it
const seed = 42;
const oversampling = 2; // q = 2 components
const passes = 5; // niter = 4, and the last product with the matrix

/**
 * Compiles incremental PCA with mean correction: the rows diag(S) V of what was seen, the centred batch, and one row for
 * the way that the mean has gone have the scatter of everything seen, as long as nothing was cut off. (Ross, Lim, Lin and
 * Yang 2008, section 3.1) Their singular vectors are found as PEFT finds them, from the same random numbers, because its
 * ranks show them.
 */
export async function openIncrementalPca(
  { components, tau }: PcaOptions,
  options: CompileOptions = {},
): Promise<IncrementalPca> {
  const x = input('x', 'f32', ['b', 'n']);
  const own = mean(x, [0]);
  const off = sub(x, own);
  const moments = await compile({ mean: own, variance: mean(mul(off, off), [0]) }, options);
  const map = stack(components);
  const fromRight = await openRandomizedSvd(map, 'right', options);
  const fromLeft = await openRandomizedSvd(map, 'left', options);
  const startOf = starts();
  return {
    async update(before, rows, signal) {
      const given = value('f32', [rows.rows, rows.columns], rows.data);
      const found = await moments.run({ x: given });
      const batch: Moments = {
        rows: rows.rows,
        mean: (found.mean as Value<'f32'>).data,
        variance: (found.variance as Value<'f32'>).data,
      };
      const height = rows.rows + (before ? components + 1 : 0);
      const isTall = height >= rows.columns;
      const q = Math.min(oversampling * components, height, rows.columns);
      const start = startOf(q, isTall ? rows.columns : height, before ? 'f64' : 'f32');
      const feeds = { x: given, ...history(before, batch, components) };
      const asked = { count: components, passes };
      const { values, vectors: kept } = await (isTall
        ? fromRight.run(feeds, start, asked, signal)
        : fromLeft.run(feeds, before ? start : padded(start, components, 1), asked, signal));
      turnUpright(kept);
      return {
        ...joined(before, batch),
        values,
        components: kept,
        converged: Array.from({ length: components }, (_, j) => before !== undefined && cosine(kept, before, j) >= tau),
      };
    },
    async dispose() {
      await Promise.all([moments.dispose(), fromRight.dispose(), fromLeft.dispose()]);
    },
  };
}

/** The stack of `seen` [k, n], `x` [b, n] less `centre`, and `moved` [1, n]: k + b + 1 rows. */
function stack(components: number): LinearMap {
  const x = input('x', 'f32', ['b', 'n']);
  const centre = input('centre', 'f32', [1, 'n']);
  const seen = input('seen', 'f32', [components, 'n']);
  const moved = input('moved', 'f32', [1, 'n']);
  return {
    forth: (rows) => {
      const times = (part: Tensor) => matmul(rows, part, { transB: true });
      return concat([times(seen), sub(times(x), times(centre)), times(moved)], 1);
    },
    back: (rows) => {
      const a = slice(rows, 1, 0, components, components);
      const b = slice(rows, 1, components, -1, 'b');
      const c = slice(rows, 1, -1, toEnd, 1);
      const centred = sub(matmul(b, x), matmul(sum(b, [1], true), centre));
      return add(add(matmul(a, seen), centred), matmul(c, moved));
    },
  };
}

/** A batch's means and variances, by column. */
interface Moments {
  readonly rows: number;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Count, mean and spread of two sets of rows together. (Chan, Golub and LeVeque 1983, equation 2.1) */
function joined(before: Pca | undefined, batch: Moments): Pick<Pca, 'seen' | 'mean' | 'spread'> {
  const already = before?.seen ?? 0;
  const seen = already + batch.rows;
  const mean = new Float64Array(batch.mean.length);
  let spread = before?.spread ?? 0;
  for (let i = 0; i < mean.length; i++) {
    const own = batch.mean[i] as number;
    const old = before?.mean[i] ?? own;
    mean[i] = (already * old + batch.rows * own) / seen;
    spread += batch.rows * (batch.variance[i] as number);
    spread += ((already * batch.rows) / seen) * (own - old) ** 2;
  }
  return { seen, mean, spread };
}

/** The inputs of the stack that what was seen gives: zeros before the first batch. */
function history(before: Pca | undefined, batch: Moments, components: number): Values {
  const columns = batch.mean.length;
  const seen = new Float32Array(components * columns);
  const moved = new Float32Array(columns);
  if (before) {
    for (let i = 0; i < seen.length; i++) {
      seen[i] = (before.values[Math.floor(i / columns)] as number) * (before.components.data[i] as number);
    }
    const weight = Math.sqrt((before.seen * batch.rows) / (before.seen + batch.rows));
    for (let i = 0; i < columns; i++) moved[i] = weight * ((before.mean[i] as number) - (batch.mean[i] as number));
  }
  return {
    centre: value('f32', [1, columns], batch.mean),
    seen: value('f32', [components, columns], seen),
    moved: value('f32', [1, columns], moved),
  };
}

/** The rows from which PEFT starts, [q, length]: the transpose of what it draws. Each kind is made once. */
function starts(): (q: number, length: number, type: 'f32' | 'f64') => Rows {
  const known = new Map<string, Rows>();
  return (q, length, type) => {
    const key = `${q} ${length} ${type}`;
    const rows = known.get(key) ?? {
      rows: q,
      columns: length,
      data: transposed(torchNormal(q * length, type, seed), q),
    };
    known.set(key, rows);
    return rows;
  };
}

/** [length, columns] -> [columns, length]. */
function transposed(values: Float64Array, columns: number): Float32Array {
  const length = values.length / columns;
  return Float32Array.from(values, (_, i) => values[(i % length) * columns + Math.floor(i / length)] as number);
}

/** Rows with zeros before and behind. */
function padded({ rows, columns, data }: Rows, before: number, behind: number): Rows {
  const width = before + columns + behind;
  const wide = new Float32Array(rows * width);
  for (let i = 0; i < rows; i++) wide.set(data.subarray(i * columns, (i + 1) * columns), i * width + before);
  return { rows, columns: width, data: wide };
}

/** Gives each row the sign that makes its largest element positive. */
function turnUpright({ rows, columns, data }: Rows): void {
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    let largest = 0;
    for (let j = 0; j < columns; j++) {
      const x = row[j] as number;
      if (Math.abs(x) > Math.abs(largest)) largest = x;
    }
    if (largest < 0) for (let j = 0; j < columns; j++) row[j] = -(row[j] as number);
  }
}

/** The cosine between unit rows: 0 where one of them is 0. */
function cosine({ columns, data }: Rows, before: Pca, row: number): number {
  let product = 0;
  for (let i = row * columns; i < (row + 1) * columns; i++) {
    product += (data[i] as number) * (before.components.data[i] as number);
  }
  return product;
}
