export { writeAdapterFolder } from './adapter.ts';
export { type AdapterCheck, checkAdapterFolder, type LoraCheck } from './adapter-check.ts';
export { type ContainedSpec, type ContainerFormat, containerFormats, writeContainer } from './container.ts';
export { type Conversion, convert } from './convert.ts';
export { json, jsonLines, type ModelFolder, writeModelFolder, writeTexts } from './folder.ts';
export { writeGgufAdapter } from './gguf.ts';
export { checkpointHash, hashOfInput, type Inputs, inputHashes } from './inputs.ts';
export { type Merging, mergeAdapter, refusePruned } from './merge.ts';
export { writeOnnxFolder } from './onnx.ts';
export { padded } from './padded.ts';
export { type Provenance, provenanceOf } from './provenance.ts';
export {
  decodedTypes,
  type QuantizedModel,
  type Replacements,
  writeDecodedFolder,
  writeQuantizedGguf,
} from './quantized.ts';
