import type { Codes, UniformBits } from './containers/types.ts';

/** How a tensor's elements are stored: the plain types of safetensors and the block types of GGUF. */
export type PlainType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';
export type BlockType =
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL';
export type StoredType = PlainType | BlockType;

/** A tensor in a file: nothing of it has been read. Shapes are row-major, outermost first ([out, in] of a linear). */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly file: string;
  /** Absolute offset of the first byte in `file`. */
  readonly offset: number;
  readonly bytes: number;
}

/** A value in a GGUF header. Integers of 64 bits are numbers where they are safe, else bigints. */
export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[] | NumberArray;
export type NumberArray = Float32Array | Float64Array | Int32Array | Uint32Array | Int8Array | Uint8Array;

/**
 * An opened checkpoint: named weights that are read when asked for. Tensor names and layouts are those of the
 * Hugging Face checkpoint of the architecture, whatever the file format: a GGUF file is renamed, its query and
 * key rows are un-permuted and Gemma's norms have their added 1 taken off, here and nowhere else.
 */
export interface Checkpoint {
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  /** The architecture's configuration as in config.json (for GGUF made from the header). */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Where the tokenizer is described. */
  readonly tokenizer: TokenizerSource;
  /** generation_config.json, or what the GGUF header tells of it: end-of-text ids and so on. */
  readonly generation: Readonly<Record<string, unknown>>;
  /** How the linear maps of a quantized folder are held; absent for floats and GGUF, whose tensors have their types. */
  readonly quantization?: Quantization;
  /**
   * A tensor's values as float32, dequantised, row-major; `rows` [from, to) of the first dimension only.
   * Written into `into` when it is given (its length must be the number of elements).
   */
  readFloat32(name: string, options?: { rows?: readonly [number, number]; into?: Float32Array }): Float32Array;
  /** A tensor's stored bytes (rows in the Hugging Face order), `rows` [from, to) only; they may lie in `room`, where it is large enough. */
  readBytes(name: string, options?: { rows?: readonly [number, number]; room?: Uint8Array }): Uint8Array;
  /** The codes that a matrix of a quantized folder is held in; undefined where it is held in floats. */
  readCodes?(name: string): Codes | undefined;
  close(): void;
}

/** How a quantized folder holds its linear maps. */
export interface Quantization {
  /** As `gptq, 4 bits`. */
  readonly scheme: string;
  /** gptq, awq, compressed-tensors or nf4. */
  readonly container: string;
  /** The quantized matrices by the names of the weights. */
  readonly matrices: ReadonlyMap<string, HeldMatrix>;
}

/** What is known of a quantized matrix before its codes are read. */
export interface HeldMatrix {
  readonly bits: UniformBits;
  /** Inputs that share a scale; of NF4 elements of the flattened matrix. */
  readonly group: number;
  /** Where codes lie on uniform grids of neighbouring inputs: whether the middle code stands for 0 in every group. */
  readonly grid?: { readonly symmetric: boolean } | undefined;
  /** Of codes, scales, zeros and all else that it is read from. */
  readonly bytes: number;
}

export type TokenizerSource =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'gguf'; readonly metadata: ReadonlyMap<string, MetadataValue>; readonly path: string };
