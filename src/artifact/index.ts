export { writeAdapterFolder } from './adapter.ts';
export { type Conversion, convert } from './convert.ts';
export { dtypes } from './dtypes.ts';
export { json, type ModelFolder, writeModelFolder, writeTexts } from './folder.ts';
export { type Merging, mergeAdapter } from './merge.ts';
export { writeOnnxFolder } from './onnx.ts';
export { type Origin, originOf } from './origin.ts';
