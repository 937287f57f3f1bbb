export { type LinearMap, openRandomizedSvd, type RandomizedSvd, type Rows, type SingularRows } from './randomized.ts';
export { type Singular, topSingular } from './singular.ts';
