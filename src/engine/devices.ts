import { availableParallelism } from 'node:os';

/** Where graphs run. The names are the runtime's; `cpu` is what is measured here. */
export const devices = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof devices)[number];

/** The runtime's execution providers for a device, in the order in which they are asked. */
export function executionProviders(device: Device): string[] {
  return device === 'cpu' ? ['cpu'] : [device, 'cpu'];
}

/** The threads to use when nobody says: one a core. */
export const defaultThreads = (): number => availableParallelism();
