import { keepInBlocks, keepLargest, keepLargestInRows, type Mask, masked } from '../../linalg/index.ts';
import type { Sparsity } from './pattern.ts';
import { type Floats, intoScale } from './problem.ts';

/** Prunes by |W|, over the whole matrix. `among` are the entries that may be kept. */
export function pruneByMagnitude(dense: Floats, sparsity: Sparsity, among?: Mask): Floats {
  const kept =
    sparsity.kind === 'n:m'
      ? keepInBlocks(dense.data, sparsity.n, sparsity.m, among)
      : keepLargest(dense.data, Math.round((1 - sparsity.share) * dense.data.length), among);
  return { ...dense, data: masked(dense.data, kept) };
}

/** Prunes by |W| |X_j|, output by output. (Sun et al. 2023, Wanda) */
export function pruneByWanda(dense: Floats, moment: Floats, sparsity: Sparsity, among?: Mask): Floats {
  const { columns } = dense;
  const norms = Float32Array.from({ length: columns }, (_, j) => Math.sqrt(moment.data[j * columns + j] as number));
  const { data } = intoScale(dense, norms);
  const kept =
    sparsity.kind === 'n:m'
      ? keepInBlocks(data, sparsity.n, sparsity.m, among)
      : keepLargestInRows(data, columns, Math.round((1 - sparsity.share) * columns), among);
  return { ...dense, data: masked(dense.data, kept) };
}
