import type { BlockType } from '../types.ts';

/**
 * A matrix [out, inner] on uniform grids: value = scale * (code - zero). What GPTQ, AWQ and compressed-tensors
 * checkpoints hold, whatever their packing.
 */
export interface UniformCodes {
  readonly kind: 'uniform';
  readonly out: number;
  readonly inner: number;
  readonly bits: UniformBits;
  /** Inputs that share a scale and a zero; `inner` for one a row. */
  readonly group: number;
  /** Unsigned codes, one a byte, [out, inner]. */
  readonly codes: Uint8Array;
  /** [out, inner / group]. */
  readonly scales: Float32Array;
  /** The code that stands for 0, [out, inner / group]. */
  readonly zeros: Uint8Array;
  /** The group of each input, [inner]; absent where groups are runs of neighbours. */
  readonly groupOf?: Int32Array;
}

export type UniformBits = 2 | 3 | 4 | 8;

/** A matrix in 4-bit normal-float codes by blocks of its flattened elements (Dettmers et al. 2023, QLoRA). */
export interface Nf4Codes {
  readonly kind: 'nf4';
  readonly out: number;
  readonly inner: number;
  readonly block: number;
  /** Codes 0 to 15, one a byte, [out * inner]. */
  readonly codes: Uint8Array;
  /** The largest magnitude of each block, as it is decoded. */
  readonly absmax: Float32Array;
  /** How `absmax` is stored where it is quantized itself. */
  readonly nested?: NestedAbsmax;
}

/** absmax[b] = dynamicCode[codes[b]] * absmax[b >> 8] + offset. */
export interface NestedAbsmax {
  readonly codes: Uint8Array;
  readonly absmax: Float32Array;
  readonly offset: number;
}

/** A matrix in whole rows of a GGUF type; in a plain one where blocks would not hold it. */
export interface BlockCodes {
  readonly kind: 'blocks';
  readonly out: number;
  readonly inner: number;
  readonly type: BlockType | 'F16' | 'F32';
  readonly bytes: Uint8Array;
}

/** A quantized matrix: codes and what decodes them. */
export type Codes = UniformCodes | Nf4Codes | BlockCodes;

/** Float32 values of uniform codes, [out, inner]. */
export function uniformValues({ out, inner, group, codes, scales, zeros, groupOf }: UniformCodes): Float32Array {
  const values = new Float32Array(out * inner);
  const groups = inner / group;
  for (let row = 0; row < out; row++) {
    const at = row * inner;
    for (let i = 0; i < inner; i++) {
      const cell = row * groups + (groupOf ? (groupOf[i] as number) : Math.floor(i / group));
      values[at + i] = (scales[cell] as number) * ((codes[at + i] as number) - (zeros[cell] as number));
    }
  }
  return values;
}
