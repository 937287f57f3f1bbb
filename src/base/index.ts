export { commonLength, groupBy, joined } from './arrays.ts';
export { CriaError, messageOf, readError, throwIfAborted } from './errors.ts';
export {
  type Append,
  appendLine,
  contentHash,
  makeFolder,
  refuseExisting,
  removeTemporaries,
  writeFileAtomically,
  writeFolderAtomically,
} from './files.ts';
export { allFinite, figure, gibibytes } from './numbers.ts';
export { type Progress, silent, type Watch } from './progress.ts';
export { fnv1a, normalFrom, permutation, type Random, randomFrom } from './random.ts';
export {
  type Beginning,
  besideOutput,
  type Keeping,
  leaveEmpty,
  refuseForeign,
  refuseOtherSettings,
  refuseUnfinished,
  removeKept,
  type Settings,
} from './unfinished.ts';
