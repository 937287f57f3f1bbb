export { openBundle, readFront } from './bundle.ts';
export { estimateRun, type PruningEstimate } from './estimate.ts';
export { materialise } from './materialise.ts';
export { objectiveFrom } from './objectives.ts';
export {
  type BaselineName,
  baselineNames,
  type FrontOptions,
  frontDefaults,
  type Objective,
} from './options.ts';
export { type Sparsity, sparsityFrom } from './pattern.ts';
export { type PruneMethod, type PruneResult, planPrune, pruneModel, type SinglePruneOptions } from './prune.ts';
export { frontPage } from './report.ts';
export type { Pareto } from './result.ts';
export { mosp, planFront } from './run.ts';
