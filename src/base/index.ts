export { CriaError, messageOf, throwIfAborted } from './errors.ts';
export { type Append, refuseExisting, removeTemporaries, writeFileAtomically, writeFolderAtomically } from './files.ts';
export { figure } from './numbers.ts';
export { type Progress, silent } from './progress.ts';
export { normalFrom, permutation, type Random, randomFrom } from './random.ts';
