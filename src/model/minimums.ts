import { minimumColumns } from '../tensor/index.ts';

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
  const codes = new Uint8Array(rows * wide * bytes).fill(none | (none << 4));
  const scales = new Float32Array(rows * wide);
  const zeros = new Uint8Array(rows * zeroBytes).fill(none | (none << 4));
  const left = new Float32Array(own);
  for (let row = 0; row < rows; row++) {
    codes.set(from.codes.subarray(row * own * bytes, (row + 1) * own * bytes), row * wide * bytes);
    scales.set(from.scales.subarray(row * own, (row + 1) * own), row * wide);
    let largest = 0;
    for (let b = 0; b < own; b++) {
      const [scale, minimum] = [from.scales[row * own + b] as number, from.minimums[row * own + b] as number];
      const zero = scale === 0 ? none : Math.min(15, Math.max(0, Math.round(-minimum / scale)));
      setNibble(zeros, row * zeroBytes * 2 + b, zero);
      left[b] = minimum + zero * scale;
      largest = Math.max(largest, Math.abs(left[b] as number));
    }
    if (largest === 0) continue;
    const unit = largest / (16 * 7 + 7); // of the last digit: the largest is 7, 7
    scales.fill(16 * unit * block, row * wide + own, (row + 1) * wide); // the columns meet means, not sums
    for (let b = 0; b < own; b++) {
      const whole = Math.round((left[b] as number) / unit);
      const high = Math.floor((whole + 8) / 16);
      const first = (row * wide + own) * block + b;
      setNibble(codes, first, high + none);
      setNibble(codes, first + own, whole - 16 * high + none);
    }
  }
  return { codes, scales, zeros };
}

function setNibble(into: Uint8Array, index: number, value: number): void {
  const old = into[index >> 1] as number;
  into[index >> 1] = index % 2 === 0 ? (old & 0xf0) | value : (old & 15) | (value << 4);
}
