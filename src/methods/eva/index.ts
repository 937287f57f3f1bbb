export { type InputGroup, inputGroups, type Module } from './groups.ts';
export { explainedRatios, type Pca } from './incremental-pca.ts';
export { type InitializeOptions, initializeAdapter, initializeAgain, initializeStart } from './initialize.ts';
export { type EvaOptions, evaDefaults } from './options.ts';
export { parameterCount } from './parameters.ts';
export { evaPage } from './report.ts';
export { type EvaData, type EvaResult, type EvaWatch, eva, shareAgain } from './run.ts';
export { type EvaState, readState, writeState } from './state.ts';
