export { applyLens } from './apply.ts';
export { writeLensFolder } from './folder.ts';
export { readHeads } from './heads-file.ts';
export {
  type LensContext,
  type LensOptions,
  type LensResult,
  type SettingName,
  settingNames,
  type TaskResult,
  vectorArithmetic,
} from './run.ts';
export { linesIn } from './sources.ts';
export { openState } from './state.ts';
