import { readFileSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';

/** Where graphs run. The names are the runtime's; `cpu` is what is measured here. */
export const devices = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof devices)[number];

/** The runtime's execution providers for a device, in the order in which they are asked. */
export function executionProviders(device: Device): string[] {
  return device === 'cpu' ? ['cpu'] : [device, 'cpu'];
}

/** The threads to use when nobody says: one a core. */
export const defaultThreads = (): number => availableParallelism();

/** Bytes that can be taken without swapping, as the system tells. */
export function availableMemory(): number {
  try {
    const kibibytes = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    if (kibibytes) return Math.min(Number(kibibytes) * 1024, process.availableMemory()); // a container may have less
  } catch {
    // not Linux
  }
  return freemem();
}
