import { readHalf } from '../../src/checkpoint/blocks/half.ts';
import type { BlockType } from '../../src/checkpoint/types.ts';
import type { Packing } from '../../src/model/weights/weights.ts';
import { minimumColumns, minimumDigits } from '../../src/tensor/index.ts';

/**
 * What the kernels of src/checkpoint/blocks/integers.ts and src/model/weights/minimums.ts compute, one number at a time: their
 * oracle.
 */

/** The integers of blocks, weight for weight in the order of a row. */
interface IntegerBlocks {
  /** One byte a weight at 8 bits; at 4 bits two neighbours a byte, the first in the low half. */
  readonly codes: Uint8Array;
  /** One a group. */
  readonly scales: Float32Array;
  /** One a group, where the form has them. */
  readonly minimums: Float32Array;
}

/**
 * A block type as integers of 4 or 8 bits: nothing is rounded. With minimums a weight is scale * code + minimum, without
 * scale * (code - 2^(bits - 1)).
 */
interface IntegerForm {
  readonly bits: 4 | 8;
  /** Consecutive weights of one scale. */
  readonly group: 16 | 32;
  readonly minimums: boolean;
  /** Whole blocks to integers, written from group `first` on. */
  unpack(bytes: Uint8Array, into: IntegerBlocks, first: number): void;
}

/** The integer forms of block types whose weights are such integers. */
export const scalarForms: Readonly<Record<BlockType, IntegerForm>> = {
  Q4_0: form(4, 32, false, 18, (bytes, at, { codes, scales }, group) => {
    scales[group] = readHalf(bytes, at);
    pairs(bytes, at + 2, codes, group * 16, group * 16 + 8);
  }),
  Q4_1: form(4, 32, true, 20, (bytes, at, { codes, scales, minimums }, group) => {
    scales[group] = readHalf(bytes, at);
    minimums[group] = readHalf(bytes, at + 2);
    pairs(bytes, at + 4, codes, group * 16, group * 16 + 8);
  }),
  IQ4_NL: form(8, 32, false, 18, (bytes, at, { codes, scales }, group) => {
    scales[group] = readHalf(bytes, at);
    for (let i = 0, to = group * 32; i < 16; i++, to++) {
      const pair = bytes[at + 2 + i] as number;
      codes[to] = shiftedLevels[pair & 15] as number;
      codes[to + 16] = shiftedLevels[pair >> 4] as number;
    }
  }),
  Q5_0: form(8, 32, false, 22, (bytes, at, { codes, scales }, group) => {
    scales[group] = readHalf(bytes, at);
    fives(bytes, at + 2, codes, group * 32, 128 - 16);
  }),
  Q5_1: form(8, 32, true, 24, (bytes, at, { codes, scales, minimums }, group) => {
    scales[group] = readHalf(bytes, at);
    minimums[group] = readHalf(bytes, at + 2);
    fives(bytes, at + 4, codes, group * 32, 0);
  }),
  Q8_0: form(8, 32, false, 34, (bytes, at, { codes, scales }, group) => {
    scales[group] = readHalf(bytes, at);
    for (let i = 0, to = group * 32; i < 32; i++) codes[to + i] = (bytes[at + 2 + i] as number) ^ 0x80;
  }),
  Q2_K: form(4, 16, true, 84, (bytes, at, { codes, scales, minimums }, first) => {
    const [scale, minimum] = [readHalf(bytes, at + 80), readHalf(bytes, at + 82)];
    for (let group = 0; group < 16; group++) {
      const pair = bytes[at + group] as number;
      scales[first + group] = scale * (pair & 15);
      minimums[first + group] = -minimum * (pair >> 4);
      const from = at + 16 + ((group >> 3) << 5) + ((group & 1) << 4);
      const to = (first + group) * 8;
      const shift = group & 6;
      for (let i = 0; i < 8; i++) {
        const low = ((bytes[from + 2 * i] as number) >> shift) & 3;
        const high = ((bytes[from + 2 * i + 1] as number) >> shift) & 3;
        codes[to + i] = low | (high << 4);
      }
    }
  }),
  Q3_K: form(4, 16, false, 110, (bytes, at, { codes, scales }, first) => {
    const scale = readHalf(bytes, at + 108);
    for (let group = 0; group < 16; group++) {
      scales[first + group] = scale * (q3Scale(bytes, at + 96, group) - 32);
      const plane = group >> 1;
      const shift = group & 6;
      const high = at + ((group & 1) << 4);
      const low = at + 32 + ((group >> 3) << 5) + ((group & 1) << 4);
      const code = (i: number) => {
        const third = (((bytes[high + i] as number) >> plane) & 1) << 2;
        return (((bytes[low + i] as number) >> shift) & 3) + third + 8 - 4;
      };
      const to = (first + group) * 8;
      for (let i = 0; i < 8; i++) codes[to + i] = code(2 * i) | (code(2 * i + 1) << 4);
    }
  }),
  Q4_K: form(4, 32, true, 144, (bytes, at, into, first) => {
    groupScales(bytes, at, into, first);
    for (let pair = 0; pair < 4; pair++) {
      const to = (first + 2 * pair) * 16;
      const from = at + 16 + 32 * pair;
      pairs(bytes, from, into.codes, to, to + 16);
      pairs(bytes, from + 16, into.codes, to + 8, to + 24);
    }
  }),
  Q5_K: form(8, 32, true, 176, (bytes, at, into, first) => {
    groupScales(bytes, at, into, first);
    for (let group = 0; group < 8; group++) {
      const from = at + 48 + ((group >> 1) << 5);
      const shift = (group & 1) << 2;
      const to = (first + group) * 32;
      for (let i = 0; i < 32; i++) {
        const fifth = (((bytes[at + 16 + i] as number) >> group) & 1) << 4;
        into.codes[to + i] = (((bytes[from + i] as number) >> shift) & 15) | fifth;
      }
    }
  }),
  Q6_K: form(8, 16, false, 210, (bytes, at, { codes, scales }, first) => {
    const scale = readHalf(bytes, at + 208);
    for (let group = 0; group < 16; group++) {
      scales[first + group] = scale * (((bytes[at + 192 + group] as number) << 24) >> 24);
    }
    for (let half = 0; half < 2; half++) {
      const to = first * 16 + half * 128;
      const low = at + half * 64;
      const high = at + 128 + half * 32;
      for (let i = 0; i < 32; i++) {
        const a = bytes[low + i] as number;
        const b = bytes[low + 32 + i] as number;
        const top = bytes[high + i] as number;
        codes[to + i] = ((a & 15) | ((top & 3) << 4)) + 96;
        codes[to + 32 + i] = ((b & 15) | ((top & 12) << 2)) + 96;
        codes[to + 64 + i] = ((a >> 4) | (top & 48)) + 96;
        codes[to + 96 + i] = ((b >> 4) | ((top & 192) >> 2)) + 96;
      }
    }
  }),
};

type UnpackBlock = (bytes: Uint8Array, at: number, into: IntegerBlocks, first: number) => void;

function form(bits: 4 | 8, group: 16 | 32, minimums: boolean, bytes: number, block: UnpackBlock): IntegerForm {
  const groups = bytes > 34 ? 256 / group : 1; // blocks of 32 weights are one group
  return {
    bits,
    group,
    minimums,
    unpack(from, into, first) {
      for (let at = 0, to = first; at < from.length; at += bytes, to += groups) block(from, at, into, to);
    },
  };
}

/** 16 bytes of two codes each: the low ones as 8 bytes at `low`, the high ones as 8 bytes at `high`. */
function pairs(bytes: Uint8Array, from: number, codes: Uint8Array, low: number, high: number): void {
  for (let i = 0; i < 8; i++) {
    const x = bytes[from + 2 * i] as number;
    const y = bytes[from + 2 * i + 1] as number;
    codes[low + i] = (x & 15) | ((y & 15) << 4);
    codes[high + i] = (x >> 4) | (y & 0xf0);
  }
}

/** 32 fifth bits, then lower bits as in Q4_0: 32 codes of a byte, `shift` added to each. */
function fives(bytes: Uint8Array, at: number, codes: Uint8Array, to: number, shift: number): void {
  const first = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  const second = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i] as number;
    codes[to + i] = ((pair & 15) | (((first >> i) & 1) << 4)) + shift;
    codes[to + 16 + i] = ((pair >> 4) | (((second >> i) & 1) << 4)) + shift;
  }
}

/** Scales and minimums of the eight groups of Q4_K and Q5_K. */
function groupScales(bytes: Uint8Array, at: number, { scales, minimums }: IntegerBlocks, first: number): void {
  const scale = readHalf(bytes, at);
  const minimum = readHalf(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    scales[first + group] = scale * readScale(bytes, at + 4, group);
    minimums[first + group] = -minimum * readMinimum(bytes, at + 4, group);
  }
}

/** Rows of codes in blocks, each row with room for its columns of minimums: an element is scale * code + minimum. */
export interface RowsWithMinimums {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly minimums: Float32Array;
}

/**
 * Turns minimums into zeros, which are whole codes, and writes what is left of each into the columns behind its row: at 4
 * bits in two digits of 16 levels, at 8 bits in one. What is left is at most half a step where a block has values on both
 * sides of 0; the digits hold it to a 238th of the largest in its row (at 8 bits a 254th). Returns the zeros.
 */
export function minimumsAsColumns(
  { codes, scales, minimums }: RowsWithMinimums,
  rows: number,
  inner: number,
  { bits, block }: Packing,
): Uint8Array {
  const [own, wide] = [inner / block, (inner + minimumColumns(inner, block, bits)) / block];
  const none = 2 ** (bits - 1); // the code that stands for 0
  const most = 2 * none - 1;
  const zeroBytes = Math.ceil((wide * bits) / 8);
  const rowBytes = (wide * block * bits) / 8;
  const zeros = new Uint8Array(rows * zeroBytes);
  const left = new Float32Array(own);
  const columns = new Uint8Array((wide - own) * block).fill(none); // one each, as the zeros of the row
  const zero = new Uint8Array((zeroBytes * 8) / bits).fill(none);
  const store = bits === 4 ? packNibbles : copyBytes;
  for (let row = 0; row < rows; row++) {
    const first = row * wide;
    let largest = 0;
    for (let b = 0; b < own; b++) {
      const scale = scales[first + b] as number;
      const minimum = minimums[first + b] as number;
      const whole = scale === 0 ? none : Math.min(most, Math.max(0, Math.round(-minimum / scale)));
      zero[b] = whole;
      left[b] = minimum + whole * scale;
      largest = Math.max(largest, Math.abs(left[b] as number));
    }
    store(zero, zeros, row * zeroBytes);
    const unit = largest / (bits === 4 ? 16 * 7 + 7 : 127); // of the last digit: the largest is 7, 7
    scales.fill(unit * block * 16 ** (minimumDigits(bits) - 1), first + own, first + wide); // they meet means, not sums
    for (let b = 0; b < own; b++) {
      const code = (unit === 0 ? 0 : Math.round((left[b] as number) / unit)) + none;
      columns[b] = bits === 4 ? (code >> 4) + none : code;
      if (bits === 4) columns[own + b] = code & 15;
    }
    store(columns, codes, row * rowBytes + (own * block * bits) / 8);
  }
  return zeros;
}

/** Pairs of 4-bit numbers as bytes, the low one first. */
function packNibbles(nibbles: Uint8Array, into: Uint8Array, at: number): void {
  for (let i = 0; i < nibbles.length; i += 2) {
    into[at + i / 2] = (nibbles[i] as number) | ((nibbles[i + 1] as number) << 4);
  }
}

function copyBytes(bytes: Uint8Array, into: Uint8Array, at: number): void {
  into.set(bytes, at);
}

/** The levels of IQ4_NL as codes of 8 bits, of which 128 stands for 0: ggml's kvalues_iq4nl. */
const shiftedLevels = Uint8Array.of(1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241);

/** Group's 6-bit scale in Q3_K: its low four bits are in bytes 0 to 7, its high two in bytes 8 to 11. */
function q3Scale(bytes: Uint8Array, at: number, group: number): number {
  const low = ((bytes[at + (group & 7)] as number) >> (group < 8 ? 0 : 4)) & 15;
  const high = ((bytes[at + 8 + (group & 3)] as number) >> (2 * (group >> 2))) & 3;
  return low | (high << 4);
}

/** Group's 6-bit scale in Q4_K and Q5_K: see group-scales.ts. */
function readScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group] as number) & 63;
  return ((bytes[at + group + 4] as number) & 15) | (((bytes[at + group - 4] as number) >> 6) << 4);
}

/** The minimum of `group`, in the same 12 bytes. */
function readMinimum(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group + 4] as number) & 63;
  return ((bytes[at + group + 4] as number) >> 4) | (((bytes[at + group] as number) >> 6) << 4);
}
