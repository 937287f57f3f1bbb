import { realpathSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { CriaError, refuseExisting } from '../../base/index.ts';

/**
 * Called before a verb reads anything.
 * @throws CriaError when something stands at `out` and `force` is not set, or when replacing it would remove what is read.
 */
export function refuseOutput(out: string, force: boolean, read: readonly (string | undefined)[] = []): void {
  if (force) for (const source of read) if (source !== undefined) refuseAround(out, source);
  refuseExisting(out, force);
}

function refuseAround(path: string, source: string): void {
  try {
    const inside = relative(realpathSync(path), realpathSync(source));
    if (inside === '..' || inside.startsWith(`..${sep}`)) return;
  } catch {
    return; // nothing is there
  }
  throw new CriaError(`is or contains the input ${source}`, { where: path, remedy: 'choose another output' });
}

/** @throws CriaError when a folder would be named like a GGUF file; `options` make one. */
export function refuseGgufName(path: string, options: string): void {
  if (!path.endsWith('.gguf')) return;
  throw new CriaError('ends in .gguf, but the output is a folder', { where: path, remedy: `use ${options}` });
}
