import { minimumColumns } from '../../tensor/index.ts';

/** Rows of 4-bit codes in blocks of 32: an element is scale * code + minimum. */
export interface RowsWithMinimums {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly minimums: Float32Array;
}

/** The same rows as the kernel reads them: see QuantizedMatrix. */
export interface RowsWithZeros {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly zeros: Uint8Array;
}

const block = 32;
const bytes = block / 2;
const none = 8; // of a code that stands for 0 in a block whose zero is 8

/**
 * Turns minimums into zeros, which are whole codes, and writes what is left of each into columns behind its row, in
 * two digits of 16 levels. What is left is at most half a step where a block has values on both sides of 0; the digits
 * hold it to a 238th of the largest in its row.
 */
export function minimumsAsColumns(from: RowsWithMinimums, rows: number, inner: number): RowsWithZeros {
  const [own, wide] = [inner / block, (inner + minimumColumns(inner, block)) / block];
  const zeroBytes = Math.ceil(wide / 2);
  const codes = new Uint8Array(rows * wide * bytes);
  const scales = new Float32Array(rows * wide);
  const zeros = new Uint8Array(rows * zeroBytes);
  const left = new Float32Array(own);
  const nibbles = new Uint8Array((wide - own) * block).fill(none); // one each, as the columns and the zeros have them
  const zero = new Uint8Array(zeroBytes * 2).fill(none);
  for (let row = 0; row < rows; row++) {
    codes.set(from.codes.subarray(row * own * bytes, (row + 1) * own * bytes), row * wide * bytes);
    let largest = 0;
    for (let b = 0; b < own; b++) {
      const scale = from.scales[row * own + b] as number;
      const minimum = from.minimums[row * own + b] as number;
      const whole = scale === 0 ? none : Math.min(15, Math.max(0, Math.round(-minimum / scale)));
      zero[b] = whole;
      scales[row * wide + b] = scale;
      left[b] = minimum + whole * scale;
      largest = Math.max(largest, Math.abs(left[b] as number));
    }
    pack(zero, zeros, row * zeroBytes);
    const unit = largest / (16 * 7 + 7); // of the last digit: the largest is 7, 7
    for (let b = own; b < wide; b++) scales[row * wide + b] = 16 * unit * block; // they meet means, not sums
    for (let b = 0; b < own; b++) {
      const whole = (unit === 0 ? 0 : Math.round((left[b] as number) / unit)) + 8;
      nibbles[b] = (whole >> 4) + none;
      nibbles[own + b] = whole & 15;
    }
    pack(nibbles, codes, (row * wide + own) * bytes);
  }
  return { codes, scales, zeros };
}

/** Pairs of 4-bit numbers as bytes, the low one first. */
function pack(nibbles: Uint8Array, into: Uint8Array, at: number): void {
  for (let i = 0; i < nibbles.length; i += 2) {
    into[at + i / 2] = (nibbles[i] as number) | ((nibbles[i + 1] as number) << 4);
  }
}
