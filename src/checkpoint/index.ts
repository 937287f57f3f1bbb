import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CriaError } from '../base/index.ts';
import { withoutContainer } from './containers/open.ts';
import { openFolder } from './folder.ts';
import { openGguf } from './gguf/open.ts';
import type { Checkpoint } from './types.ts';

/**
 * Opens a folder in the Hugging Face layout or a GGUF file. Nothing but headers is read.
 * @throws CriaError when there is nothing at `path` or it is not sound.
 */
export function openCheckpoint(path: string): Checkpoint {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new CriaError('does not exist', { where: path, remedy: 'use a folder or a .gguf file' });
  if (found.isDirectory()) return openQuantized(path);
  if (path.endsWith('.safetensors')) return openQuantized(folderOfWeights(path));
  return openGguf(path);
}

/** A folder as the weights that it stands for, closed again where they are not sound. */
function openQuantized(path: string): Checkpoint {
  const folder = openFolder(path);
  try {
    return withoutContainer(folder);
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** The folder of a weights file that somebody names in its place. @throws CriaError when it is no model's folder. */
function folderOfWeights(path: string): string {
  const folder = dirname(path);
  if (existsSync(join(folder, 'config.json'))) return folder;
  const remedy = `put config.json and the tokenizer beside it and pass ${folder}`;
  throw new CriaError('is a weights file without a config.json beside it', { where: path, remedy });
}

export { nearestHalf, readHalf } from './blocks/half.ts';
export { integerForms, isBlockType, openUnpackers, type Unpack } from './blocks/integers.ts';
export { decodeStored, encodeStored, packingOf, typeForRows } from './blocks/stored.ts';
export { packAwq } from './containers/awq.ts';
export { packNf4 } from './containers/bitsandbytes.ts';
export { packCompressed } from './containers/compressed-tensors.ts';
export { type GptqVersion, packGptq } from './containers/gptq.ts';
export { decodedAbsmax, dynamicCode, nestedBlock, nf4Levels, nf4Values } from './containers/nf4.ts';
export {
  type BlockCodes,
  type Codes,
  type NestedAbsmax,
  type Nf4Codes,
  type UniformBits,
  type UniformCodes,
  uniformValues,
} from './containers/types.ts';
export { valuesOf } from './containers/values.ts';
export { ggufFromHuggingFace } from './gguf/export.ts';
export { ggufFromLora } from './gguf/export-adapter.ts';
export { readGgufHeader } from './gguf/header.ts';
export { type Imatrix, type InputSquares, readImatrix, writeImatrix } from './gguf/imatrix.ts';
export { writeGguf } from './gguf/write.ts';
export { type PullOptions, pull } from './hub.ts';
export { readJsonObject } from './json.ts';
export { type Overlay, overlaid, type Replacement, scaledRows } from './overlay.ts';
export {
  type Adapter,
  type LoraAdapter,
  type LoraModule,
  largestRank,
  loraScale,
  type PrefixAdapter,
  type PromptAdapter,
  rescaled,
} from './peft/adapter.ts';
export { isPlain, withReplacements } from './peft/apply.ts';
export type { LoraDescription } from './peft/describe-lora.ts';
export { describeAdapter, readAdapter } from './peft/read.ts';
export { writeAdapter } from './peft/write.ts';
export { openSafetensors, type SafetensorsFile } from './safetensors.ts';
export { type TensorToWrite, writeSafetensors, writeSharded } from './safetensors-write.ts';
export type {
  BlockType,
  Checkpoint,
  MetadataValue,
  PlainType,
  StoredTensor,
  StoredType,
  TokenizerSource,
} from './types.ts';
