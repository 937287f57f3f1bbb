import { writeFolderAtomically } from '../base/index.ts';
import { type Adapter, writeAdapter } from '../checkpoint/index.ts';
import { json, writeTexts } from './folder.ts';
import type { Origin } from './origin.ts';

/**
 * Writes an adapter in the PEFT layout, whole or not at all, with cria.json, which tells what made it.
 * @throws CriaError when something stands at `path` and `force` is not set, or it cannot be written.
 */
export function writeAdapterFolder(path: string, adapter: Adapter, origin: Origin, force: boolean): Promise<void> {
  return writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, { 'cria.json': json(origin) });
    await writeAdapter(folder, adapter);
  });
}
