export type { InputGroup, Module } from './groups.ts';
export { explainedRatios, type Pca } from './incremental-pca.ts';
export { type EvaOptions, evaDefaults } from './options.ts';
export { type EvaData, type EvaResult, type EvaState, type EvaWatch, eva } from './run.ts';
