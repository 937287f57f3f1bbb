export { applyLens } from './apply.ts';
export { writeLensFolder } from './folder.ts';
export { readHeads } from './heads-file.ts';
export { lensDefaults } from './options.ts';
export { lensPage } from './report.ts';
export type { LensResult } from './result.ts';
export { lensPlace, vectorArithmetic } from './run.ts';
export { linesIn } from './sources.ts';
export { figuresOf, summaryOf } from './summary.ts';
