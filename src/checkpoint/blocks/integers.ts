import { type KernelMemory, openKernels } from '../../base/index.ts';
import type { BlockType, StoredType } from '../types.ts';

/**
 * A block type as integers of 4 or 8 bits: nothing is rounded. With minimums a weight is scale * code + minimum, without
 * scale * (code - 2^(bits - 1)).
 */
interface IntegerForm {
  readonly bits: 4 | 8;
  /** Consecutive weights of one scale. */
  readonly group: 16 | 32;
  readonly minimums: boolean;
  /** Weights and bytes of a block. */
  readonly elements: number;
  readonly bytes: number;
}

/** The integer forms of block types: bits, weights of one scale, bytes and weights of a block. */
export const integerForms: Readonly<Record<BlockType, IntegerForm>> = {
  Q4_0: form(4, 32, 18, 32),
  Q4_1: form(4, 32, 20, 32, true),
  IQ4_NL: form(8, 32, 18, 32),
  Q5_0: form(8, 32, 22, 32),
  Q5_1: form(8, 32, 24, 32, true),
  Q8_0: form(8, 32, 34, 32),
  Q2_K: form(4, 16, 84, 256, true),
  Q3_K: form(4, 16, 110, 256),
  Q4_K: form(4, 32, 144, 256, true),
  Q5_K: form(8, 32, 176, 256, true),
  Q6_K: form(8, 16, 210, 256),
};

function form(bits: 4 | 8, group: 16 | 32, bytes: number, elements: number, minimums = false): IntegerForm {
  return { bits, group, bytes, elements, minimums };
}

export function isBlockType(type: StoredType | undefined): type is BlockType {
  return type !== undefined && type in integerForms;
}

/**
 * Unpacks the blocks between two addresses to integers in the order of a row: `codes` of one byte a weight at 8 bits, at 4
 * bits of two neighbours a byte, the first in the low half; `scales` f32 one a group; `minimums` likewise where the form
 * has them.
 */
export type Unpack = (from: number, last: number, codes: number, scales: number, minimums: number) => void;

/** The functions that unpack block types in a memory. */
export function openUnpackers(memory: KernelMemory): Readonly<Record<BlockType, Unpack>> {
  return openKernels('unpack', memory);
}
