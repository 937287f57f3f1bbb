import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = process.env.CRIA_SHARED ?? resolve(import.meta.dirname, '../../shared');

/** The path of a file of the measurement data beside the checkout, or undefined when it is not there. */
export function shared(...parts: string[]): string | undefined {
  const path = join(root, ...parts);
  return existsSync(path) ? path : undefined;
}

/** Ends a test's title with why it is skipped, when it is. */
export function needs(path: string | undefined, what: string): { skip: boolean; reason: string } {
  return path ? { skip: false, reason: '' } : { skip: true, reason: ` [skipped: ${what} is not there]` };
}

/** The model that ships with cria. */
export const shippedModel = resolve(import.meta.dirname, '../models/cria-tiny');
