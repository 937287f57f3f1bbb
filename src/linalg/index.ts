export {
  type BlockedCholesky,
  type CholeskyFactor,
  NotPositiveDefinite,
  openCholesky,
  type Precision,
} from './large-cholesky.ts';
export type { Matrix } from './matrix.ts';
export { type LinearMap, openRandomizedSvd, type RandomizedSvd, type Rows, type SingularRows } from './randomized.ts';
export { type Singular, topSingular } from './singular.ts';
