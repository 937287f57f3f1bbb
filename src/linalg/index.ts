export {
  type BlockedCholesky,
  type CholeskyFactor,
  NotPositiveDefinite,
  openCholesky,
  type Precision,
} from './large-cholesky.ts';
export { type Matrix, transposed } from './matrix.ts';
export { type LinearMap, openRandomizedSvd, type RandomizedSvd, type Rows, type SingularRows } from './randomized.ts';
export {
  countDifferent,
  countKept,
  keepInBlocks,
  keepLargest,
  keepLargestInRows,
  type Mask,
  masked,
  packBits,
  support,
  unpackBits,
} from './selection.ts';
export { type Singular, topSingular } from './singular.ts';
