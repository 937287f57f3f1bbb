export { applyLens } from './apply.ts';
export { writeLensFolder } from './folder.ts';
export { readHeads } from './heads-file.ts';
export { type SettingName, settingNames, type TaskResult } from './judge.ts';
export {
  type LensContext,
  type LensOptions,
  type LensResult,
  vectorArithmetic,
} from './run.ts';
export { linesIn } from './sources.ts';
export { openState } from './state.ts';
