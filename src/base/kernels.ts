import { kernelModules } from './kernel-modules.ts';

/**
 * Loops over vectors of 16 bytes, in WebAssembly: V8 computes the same loops in float64, one number at a time. They are written
 * in scripts/kernels, and their modules in kernel-modules.ts.
 */

/** What of WebAssembly is used; the types of Node do not have it. */
declare namespace WebAssembly {
  class Memory {
    constructor(size: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
    readonly exports: unknown;
  }
}

/** The memory of kernels: `buffer` is another one after it has grown. */
export type KernelMemory = WebAssembly.Memory;

export const pageBytes = 65_536;

/** A memory of zeros. @throws RangeError when there is no such memory. */
export function kernelMemory(bytes: number): KernelMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) });
}

/** Makes a memory at least so large. @throws RangeError when it cannot be. */
export function growTo(memory: KernelMemory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
  if (missing > 0) memory.grow(missing);
}

/** Kernels of a module on a memory: the type says what it exports. Addresses and lengths are bytes of the memory. */
export function openKernels<Kernels>(name: keyof typeof kernelModules, memory: KernelMemory): Kernels {
  const module = new WebAssembly.Module(Buffer.from(kernelModules[name], 'base64'));
  return new WebAssembly.Instance(module, { '': { memory } }).exports as Kernels;
}
