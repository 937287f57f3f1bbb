import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  besideOutput,
  makeFolder,
  type RunStart,
  type RunStateFiles,
  refuseForeign,
  refuseOtherSettings,
  refuseRunState,
  removeRunState,
  type Settings,
  writeFileAtomically,
} from '../../base/index.ts';

/** The unfinished run beside an output: what has been computed is there, and is not computed again. */
export interface Work {
  /** The path of one of its entries. */
  path(name: string): string;
  /** A result that is computed once: plain data. */
  once<T>(name: string, compute: () => Promise<T>): Promise<T>;
  /** Keeps plain data under a name, in place of what was there. */
  keep(name: string, data: unknown): Promise<void>;
  /** What is kept under a name. */
  kept<T>(name: string): T | undefined;
  /** Removes all of it. */
  remove(): void;
}

const settingsName = 'settings.json';

/**
 * Begins or resumes the run of an output. `names` are all entries that it may have.
 * @throws CriaError when a run would be lost, or was begun with other settings.
 */
export async function openWork(
  out: string,
  names: readonly string[],
  settings: Settings,
  start: RunStart,
): Promise<Work> {
  const files: RunStateFiles = { folder: besideOutput(out, 'e3'), names: [settingsName, ...names] };
  const path = (name: string) => join(files.folder, name);
  const read = (name: string): unknown => JSON.parse(readFileSync(path(name), 'utf8'));
  const keep = (name: string, data: unknown) =>
    writeFileAtomically(path(name), (append) => append(new TextEncoder().encode(`${JSON.stringify(data)}\n`)));
  refuseForeign(files);
  const isThere = existsSync(path(settingsName));
  refuseRunState(files.folder, isThere, start);
  if (start.resume) refuseOtherSettings(path(settingsName), read(settingsName) as Settings, settings);
  else {
    removeRunState(files);
    makeFolder(files.folder);
    await keep(settingsName, settings);
  }
  return {
    path,
    keep,
    kept: <T>(name: string) => (existsSync(path(name)) ? (read(name) as T) : undefined),
    async once<T>(name: string, compute: () => Promise<T>) {
      if (existsSync(path(name))) return read(name) as T;
      const made = await compute();
      await keep(name, made);
      return made;
    },
    remove: () => removeRunState(files),
  };
}
