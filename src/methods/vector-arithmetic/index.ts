export { applyLens } from './apply.ts';
export { writeLensFolder } from './folder.ts';
export { readHeads } from './heads-file.ts';
export { type LensResult, vectorArithmetic } from './run.ts';
export { linesIn } from './sources.ts';
export { openState } from './state.ts';
