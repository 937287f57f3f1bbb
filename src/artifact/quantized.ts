import { type Progress, silent, throwIfAborted } from '../base/index.ts';
import {
  type Checkpoint,
  type Codes,
  encodeStored,
  type PlainType,
  type StoredTensor,
  type StoredType,
  type TensorToWrite,
  valuesOf,
} from '../checkpoint/index.ts';
import { type FloatType, ggufType, isFloat, mostFrequentFloat } from './dtypes.ts';
import { writeModelFolder } from './folder.ts';
import { writeGgufModel } from './gguf.ts';
import type { Provenance } from './provenance.ts';
import { isWeight, tokenizerOf } from './source.ts';
import { bytesAs } from './tensors.ts';

/** What takes the place of tensors of a checkpoint: codes of matrices, other values of vectors. */
export interface Replacements {
  /** The type that a GGUF file holds a tensor in, or undefined where it is not replaced. */
  ggufType(name: string): StoredType | undefined;
  /** Whether a tensor is replaced. */
  has(name: string): boolean;
  /** Read when its turn comes. */
  read(name: string): Codes | Float32Array;
}

export interface QuantizedModel {
  readonly checkpoint: Checkpoint;
  readonly replacements: Replacements;
  readonly provenance: Provenance;
  readonly force: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Adds files to the folder before it takes its place. */
  readonly more?: (folder: string) => Promise<void>;
}

/**
 * Writes a quantized model as an ordinary folder of its decoded weights, in each tensor's own float type or in `dtype`;
 * what is not replaced keeps its bytes where the type is its own. Returns the bytes of the weight files.
 */
export async function writeDecodedFolder(path: string, model: QuantizedModel, dtype?: FloatType): Promise<void> {
  const { checkpoint, provenance, force, more } = model;
  const usual = mostFrequentFloat(checkpoint) ?? 'F32';
  const step = tensorProgress(model);
  const tensors = [...checkpoint.tensors.values()].map((tensor) => keptTensor(model, tensor, usual, step, dtype));
  const { config, generation } = checkpoint;
  const tokenizer = tokenizerOf(checkpoint, model.progress ?? silent);
  const folder = { config, generation, tensors, type: dtype ?? usual, tokenizer, provenance };
  await writeModelFolder(path, folder, force, more);
}

/** The type of each tensor of a folder of decoded weights. */
export function decodedTypes(checkpoint: Checkpoint): (tensor: StoredTensor) => PlainType {
  const usual = mostFrequentFloat(checkpoint) ?? 'F32';
  return (tensor) => decodedType(tensor, usual);
}

const decodedType = ({ type }: StoredTensor, usual: FloatType, dtype?: FloatType): PlainType =>
  isWeight(type) ? (dtype ?? (isFloat(type) ? type : usual)) : (type as PlainType);

/** A tensor in a plain type: its own, `dtype`, or `usual` where it is in blocks; what replaces it is decoded. */
export function keptTensor(
  { checkpoint, replacements, signal }: QuantizedModel,
  tensor: StoredTensor,
  usual: FloatType,
  done: (tensor: StoredTensor) => void,
  dtype?: FloatType,
): TensorToWrite {
  const { name, shape } = tensor;
  const type = decodedType(tensor, usual, dtype);
  const bytes = function* () {
    if (replacements.has(name)) yield encodeStored(type, floatsOf(replacements.read(name)), name);
    else yield* bytesAs(checkpoint, tensor, type, signal);
    done(tensor);
  };
  return { name, shape, type, bytes };
}

/** Writes a quantized model as a GGUF file. Matrices that are not replaced keep their type. */
export async function writeQuantizedGguf(path: string, model: QuantizedModel): Promise<void> {
  const { checkpoint, replacements, force, progress = silent } = model;
  const step = tensorProgress(model);
  const tensors = [...checkpoint.tensors.values()].map((tensor) => {
    const { name, shape, type: stored } = tensor;
    const type = replacements.ggufType(name) ?? ggufType({ shape, stored, isHead: false }, undefined);
    const bytes = () => {
      const replacement = replacements.has(name) ? replacements.read(name) : undefined;
      const kept = replacement ? undefined : Buffer.concat([...bytesAs(checkpoint, tensor, type, model.signal)]);
      step(tensor);
      if (kept) return kept;
      if (replacement instanceof Float32Array) return encodeStored(type, replacement, name);
      if (replacement?.kind !== 'blocks') throw new Error(`${name} is not in blocks of GGUF`);
      return replacement.bytes;
    };
    return { name, shape, type, bytes };
  });
  const tokenizer = checkpoint.format === 'gguf' ? undefined : tokenizerOf(checkpoint, progress);
  await writeGgufModel(path, checkpoint, tensors, tokenizer, force);
}

function floatsOf(replacement: Codes | Float32Array): Float32Array {
  return replacement instanceof Float32Array ? replacement : valuesOf(replacement);
}

/** Counts the bytes of the source that have been written. */
export function tensorProgress({
  checkpoint,
  progress = silent,
  signal,
}: QuantizedModel): (tensor: StoredTensor) => void {
  const total = [...checkpoint.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  return ({ bytes }) => {
    throwIfAborted(signal);
    done += bytes;
    progress.step('writing', done, total, 'bytes');
  };
}
