import { kernelMemory, openKernels, pageBytes } from '../base/index.ts';

/**
 * Three loops over float32 vectors as a WebAssembly module, four numbers at a time: what the optimizer does with every
 * number of a model. V8 computes the same loops in float64, one number at a time. Addresses and lengths are bytes of the
 * module's memory, lengths multiples of 16.
 */
export interface Kernels {
  /** AdamW (adamw.ts has the equations) on the numbers of `values` before the address `end`. */
  adamw(
    values: number,
    first: number,
    second: number,
    gradients: number,
    end: number,
    scale: number,
    rise1: number,
    rise2: number,
    rate: number,
    epsilon: number,
    keep: number,
  ): void;
  /** The sum of squares of the numbers from an address to another, in float64. */
  sumOfSquares(from: number, end: number): number;
  /** Adds to the numbers of `into` before the address `end` those of `from`. */
  add(into: number, from: number, end: number): void;
}

/** What addresses of 32 bits reach, less the page after the end of which they would begin again. */
export const addressableBytes = 2 ** 32 - pageBytes;

/** A memory of zeros, and the kernels on it. @throws RangeError when there is no such memory. */
export function kernelsIn(bytes: number): { readonly kernels: Kernels; readonly buffer: ArrayBuffer } {
  const memory = kernelMemory(bytes);
  return { kernels: openKernels<Kernels>('optimizer', memory), buffer: memory.buffer };
}
