import { minimumColumns, minimumDigits } from '../../tensor/index.ts';
import type { Packing } from './weights.ts';

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
