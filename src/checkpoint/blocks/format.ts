import type { BlockType } from '../types.ts';
import { dequantize } from './dequantize.ts';
import { integerForms } from './integers.ts';

/**
 * A block quantization: `elements` consecutive weights of a row share `bytes` bytes. The layouts and the rounding
 * are ggml's (ggml-common.h and the reference functions of ggml-quants.c), whose files everybody reads.
 */
export interface BlockFormat {
  /** Weights in a block. */
  readonly elements: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Whole blocks to weights; `into` holds `elements` values for each block. */
  dequantize(bytes: Uint8Array, into: Float32Array): void;
  /**
   * Weights to whole blocks, by ggml's reference rounding; absent where cria only reads the format. `importance`, one a
   * column of a row, weights what a format that searches its scales errs; others ignore it.
   */
  quantize?(values: Float32Array, into: Uint8Array, importance?: Float32Array): void;
}

/** Encodes the weights from `from` on into the block at byte `at`, every byte of which it sets. */
export type EncodeBlock = (
  values: Float32Array,
  from: number,
  into: Uint8Array,
  at: number,
  importance?: Float32Array,
) => void;

/** A format from what it does to one block when it is written. */
export function blockFormat(type: BlockType, encode?: EncodeBlock): BlockFormat {
  const { elements, bytes } = integerForms[type];
  const format: BlockFormat = {
    elements,
    bytes,
    dequantize(from, into) {
      blocksIn(from.length, into.length);
      dequantize(type, from, into);
    },
  };
  if (!encode) return format;
  return {
    ...format,
    quantize(values, into, importance) {
      const blocks = blocksIn(into.length, values.length);
      for (let block = 0; block < blocks; block++) {
        const column = importance && (block * elements) % importance.length;
        const own = column === undefined ? undefined : importance?.subarray(column, column + elements);
        encode(values, block * elements, into, block * bytes, own);
      }
    },
  };

  function blocksIn(byteCount: number, valueCount: number): number {
    const blocks = byteCount / bytes;
    if (!Number.isInteger(blocks) || valueCount !== blocks * elements) {
      throw new RangeError(`${byteCount} bytes do not hold the blocks of ${valueCount} weights`);
    }
    return blocks;
  }
}
