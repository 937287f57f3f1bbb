export { commonLength, concatArrays, groupBy } from './arrays.ts';
export { boundedBody, CriaError, codeOf, messageOf, readError, throwIfAborted } from './errors.ts';
export {
  type Append,
  appendLine,
  closing,
  contentHash,
  makeFolder,
  refuseExisting,
  removeTemporaries,
  writeFileAtomically,
  writeFolderAtomically,
} from './files.ts';
export { byteSize, duration } from './format.ts';
export { fitsGlob } from './glob.ts';
export { parseExactly, Real } from './json.ts';
export { growTo, type KernelMemory, kernelMemory, openKernels, pageBytes } from './kernels.ts';
export { allFinite, figure, gibibytes } from './numbers.ts';
export { type Progress, silent, type Watch } from './progress.ts';
export { queue } from './queue.ts';
export { fnv1a, normalFrom, permutation, type Random, randomFrom } from './random.ts';
export {
  besideOutput,
  notOfARun,
  type RunPlace,
  type RunStart,
  type RunState,
  refuseOtherSettings,
  type Settings,
  withRunState,
} from './run-state.ts';
export { serialized } from './serialized.ts';
