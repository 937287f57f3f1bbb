export { type Singular, topSingular } from './singular.ts';
export {
  type Enough,
  openSubspaceIteration,
  type Rows,
  randomRows,
  type Subspace,
  type SubspaceIteration,
} from './subspace.ts';
