import { CriaError } from '../../base/index.ts';
import { decodeStored, packingOf } from '../blocks/stored.ts';
import { blocks } from '../blocks/table.ts';
import { float32ToPlain } from '../plain.ts';
import { placeOf } from '../safetensors-header.ts';
import type { MetadataValue, StoredType } from '../types.ts';
import { type Architecture, architectureOfModelType, interleavedRows, isShifted, toGgufName } from './architecture.ts';
import { interleave } from './interleave.ts';
import type { Metadata } from './metadata.ts';
import { type Config, metadataOf } from './metadata-from-config.ts';
import type { GgufContents, GgufTensor } from './write.ts';

/** A checkpoint in Hugging Face's names and row order, and what else a GGUF file says. */
export interface HuggingFaceModel {
  /** The checkpoint, for messages. */
  readonly path: string;
  readonly config: Config;
  /** In the types that they are to be stored in; vectors are always stored as F32, as llama.cpp needs them. */
  readonly tensors: Iterable<GgufTensor>;
  /** The tokenizer's `tokenizer.*` keys. */
  readonly tokenizer?: ReadonlyMap<string, MetadataValue>;
  /** The header of the GGUF file that the model came from: its `general.*` and `tokenizer.*` keys are carried over. */
  readonly carried?: Metadata;
}

/**
 * A GGUF file for a model: names, metadata, interleaved query and key rows and shifted norms as llama.cpp wants them.
 * The inverse of `openGguf`: tensors that came from a GGUF file in the same types get the same bytes.
 * @throws CriaError for architectures, tensors and RoPE scalings that GGUF cannot hold.
 */
export function ggufFromHuggingFace(model: HuggingFaceModel): GgufContents {
  const { path, config } = model;
  const architecture = architectureOfModelType(config.model_type, path);
  const described = metadataOf(config, architecture, path);
  const tensors = [
    ...[...described.factors].map(([name, values]) => factorTensor(name, values)),
    ...[...model.tensors]
      .filter(({ name }) => isNeeded(name, config))
      .map((each) => converted(each, architecture, model)),
  ];

  const carried = [...(model.carried?.values ?? [])].filter(([key]) => /^(general|tokenizer)\./.test(key));
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', architecture.name],
    ['general.type', 'model'],
    ...carried,
    ...described.values,
    ...(model.tokenizer ?? []),
    ['general.architecture', architecture.name],
    ['general.file_type', fileType(tensors)],
    ...(tensors.some(({ type }) => type in blocks) ? ([['general.quantization_version', 2]] as const) : []),
  ]);
  return { metadata, types: new Map([...(model.carried?.types ?? []), ...described.types]), tensors };
}

/** Frequencies that are computed anew and a head that is the embedding are not stored. */
function isNeeded(name: string, config: Config): boolean {
  return !name.endsWith('.rotary_emb.inv_freq') && !(name === 'lm_head.weight' && config.tie_word_embeddings === true);
}

function converted(tensor: GgufTensor, architecture: Architecture, { path, config }: HuggingFaceModel): GgufTensor {
  const where = placeOf(path, tensor.name);
  const name = toGgufName(architecture, tensor.name);
  if (!name) {
    throw new CriaError(`GGUF files of the architecture ${architecture.name} have no such tensor`, { where });
  }
  const { shape } = tensor;
  const headRows = interleavedRows(architecture, tensor, config, where);
  const ordered = (bytes: Uint8Array) =>
    headRows ? interleave(bytes, bytes.length / (shape[0] ?? 1), headRows) : bytes;
  if (shape.length > 1) return { name, shape, type: tensor.type, bytes: () => ordered(tensor.bytes()) };
  const shift = isShifted(architecture, tensor.name) ? 1 : 0;
  return { name, shape, type: 'F32', bytes: () => ordered(vectorBytes(tensor, shift)) };
}

function vectorBytes({ type, bytes }: GgufTensor, shift: number): Uint8Array {
  const stored = bytes();
  const values = new Float32Array((stored.length / packingOf(type).bytes) * packingOf(type).elements);
  decodeStored(type, stored, values);
  return float32ToPlain('F32', shift ? values.map((value) => value + shift) : values);
}

function factorTensor(name: string, values: Float32Array): GgufTensor {
  return { name, shape: [values.length], type: 'F32', bytes: () => float32ToPlain('F32', values) };
}

/** llama.cpp's name for a file by the type that most of its weights have. (llama.h, llama_ftype) */
const fileTypes: Readonly<Partial<Record<StoredType, number>>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K: 12,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  BF16: 32,
};

function fileType(tensors: readonly GgufTensor[]): number {
  const weights = new Map<StoredType, number>();
  for (const { type, shape } of tensors) {
    if (shape.length === 1) continue;
    weights.set(type, (weights.get(type) ?? 0) + shape.reduce((product, size) => product * size, 1));
  }
  const [most] = [...weights].sort(([, a], [, b]) => b - a);
  return (most && fileTypes[most[0]]) ?? 0;
}
