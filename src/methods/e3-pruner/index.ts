export { type Cost, costOf } from './cost.ts';
export { type E3Options, e3Defaults } from './options.ts';
export { e3Page } from './report.ts';
export type { E3Result } from './result.ts';
export { e3Prune } from './run.ts';
export { summaryOf } from './summary.ts';
