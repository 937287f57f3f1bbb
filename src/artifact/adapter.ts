import { writeFolderAtomically } from '../base/index.ts';
import { type Adapter, writeAdapter } from '../checkpoint/index.ts';
import { bytesIn, json, writeTexts } from './folder.ts';
import type { Provenance } from './provenance.ts';

/**
 * Writes an adapter that PEFT and vLLM load, whole or not at all, cria.json, which tells what made it, and what `more`
 * adds to the folder. Returns the bytes of its files.
 * @throws CriaError when something stands at `path` and `force` is not set, or it cannot be written.
 */
export async function writeAdapterFolder(
  path: string,
  adapter: Adapter,
  provenance: Provenance,
  force: boolean,
  more?: (folder: string) => Promise<void>,
): Promise<number> {
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, { 'cria.json': json(provenance) });
    await writeAdapter(folder, adapter);
    await more?.(folder);
  });
  return bytesIn(path);
}
