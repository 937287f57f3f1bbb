import { CriaError } from '../base/index.ts';
import { type Checkpoint, type PlainType, type StoredType, typeForRows } from '../checkpoint/index.ts';

const plainFloats = ['F32', 'F16', 'BF16'] as const;
export type FloatType = (typeof plainFloats)[number];

/** A tensor that is to be stored. */
export interface Placed {
  readonly shape: readonly number[];
  /** Its type in the source. */
  readonly stored: StoredType;
  /** Whether it maps hidden states to logits: lm_head, or the embedding that serves as such. */
  readonly isHead: boolean;
}

/**
 * The type of a tensor in a GGUF file of the type `wanted`, or of the source's types when that is undefined. Vectors
 * are F32. The head of a file below 8 bits is kept at Q6_K, because every logit passes through it, as llama.cpp does.
 * Rows that are no whole blocks of 256 values are kept at Q8_0, and those of no whole 32 at F16.
 */
export function ggufType({ shape, stored, isHead }: Placed, wanted: StoredType | undefined): StoredType {
  if (shape.length < 2) return 'F32';
  if (!wanted) return stored;
  if (isFloat(wanted)) return wanted;
  const type = isHead && wanted !== 'Q8_0' ? 'Q6_K' : wanted;
  return typeForRows(type, shape.at(-1) as number);
}

/** The type of the floats of a safetensors folder. @throws CriaError when `wanted` packs blocks. */
export function safetensorsType(checkpoint: Checkpoint, wanted: StoredType | undefined): FloatType {
  if (wanted && !isFloat(wanted)) {
    const what = `a safetensors folder cannot hold ${wanted.toLowerCase()}, only ${words(plainFloats)}`;
    throw new CriaError(what, { where: '--dtype', remedy: 'pass --to gguf' });
  }
  return wanted ?? mostFrequentFloat(checkpoint) ?? 'F32';
}

/** The type of most of a checkpoint's bytes where it is a plain float. */
export function mostFrequentFloat({ tensors }: Checkpoint): FloatType | undefined {
  const bytes = new Map<StoredType, number>();
  for (const tensor of tensors.values()) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes);
  const [most] = [...bytes].sort(([, a], [, b]) => b - a);
  return most && isFloat(most[0]) ? most[0] : undefined;
}

export function isFloat(type: StoredType): type is FloatType & PlainType {
  return plainFloats.some((float) => float === type);
}

function words(types: readonly string[]): string {
  return types.map((type) => type.toLowerCase()).join(', ');
}
