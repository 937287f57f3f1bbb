import { type KernelMemory, openKernels } from '../../base/index.ts';

/**
 * Turns the minimums of a row into zeros, which are whole codes, and writes what is left of each into the columns behind the
 * row: at 4 bits in two digits of 16 levels, at 8 bits in one. What is left is at most half a step where a block has values on
 * both sides of 0; the digits hold it to a 238th of the largest in its row (at 8 bits a 254th). The minimums are overwritten.
 */
export type MinimumsAsColumns = (
  /** Addresses: of scales and minimums, of the columns' codes, and of zeros, behind which up to 16 bytes are written too. */
  scales: number,
  minimums: number,
  columns: number,
  zeros: number,
  /** Blocks of the row, without and with its columns; bytes of its zeros. */
  own: number,
  wide: number,
  zeroBytes: number,
  block: number,
  /** Addresses of three places for bytes, one a block or a column: filled with the code of 0, with 0, with the code of 0. */
  whole: number,
  left: number,
  digits: number,
) => void;

/** The functions for 4 and for 8 bits in a memory. */
export function openMinimums(memory: KernelMemory): Readonly<Record<'bits4' | 'bits8', MinimumsAsColumns>> {
  return openKernels('minimums', memory);
}
