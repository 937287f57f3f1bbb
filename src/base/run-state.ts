import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CriaError, readError } from './errors.ts';
import { makeFolder, writeFileAtomically } from './files.ts';

/** What a run was asked for: plain data that a resumed run has to repeat. */
export type Settings = Readonly<Record<string, unknown>>;

/** Where a run keeps what it needs to go on: beside its output. */
export const besideOutput = (out: string, ending: string): string => `${resolve(out)}.${ending}`;

/** What runs keep in a folder of their own: the names of its entries, and of those that are being written. */
export interface RunStateFiles {
  readonly folder: string;
  readonly names: readonly string[];
}

/** @throws CriaError when the folder holds what no run has left. */
export function refuseForeign({ folder, names }: RunStateFiles): void {
  const other = entriesOf(folder)?.find((entry) => !isKept(entry, names));
  if (other === undefined) return;
  const remedy = 'choose another output: this folder is needed beside it';
  throw new CriaError(`holds ${other}, which no run has left`, { where: folder, remedy });
}

/** Removes what a run has kept, and the folder when nothing else is in it. */
export function removeRunState({ folder, names }: RunStateFiles): void {
  for (const entry of entriesOf(folder) ?? []) {
    if (isKept(entry, names)) rmSync(join(folder, entry), { recursive: true, force: true });
  }
  leaveEmpty(folder);
}

/** Removes a folder in which nothing is. */
export function leaveEmpty(folder: string): void {
  if (entriesOf(folder)?.length === 0) rmdirSync(folder);
}

function entriesOf(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    return undefined; // nothing is there, or no folder, which is said where it is written
  }
}

const isKept = (entry: string, names: readonly string[]): boolean =>
  names.some((name) => entry === name || (entry.startsWith(`.${name}.`) && entry.endsWith('.partial')));

/** How a run whose state lies beside its output is to begin. */
export interface RunStart {
  /** Go on with an unfinished one. */
  readonly resume: boolean;
  /** Give up what is there. */
  readonly force: boolean;
}

/**
 * Called before long work starts, with whether an unfinished run `isThere`, and `where` it would be.
 * @throws CriaError when it would be lost, or there is none to resume.
 */
export function refuseRunState(where: string, isThere: boolean, { resume, force }: RunStart): void {
  if (isThere && !resume && !force) {
    const remedy = '--resume goes on with it, --force begins again';
    throw new CriaError('holds an unfinished run', { where, remedy });
  }
  if (resume && !isThere) {
    throw new CriaError('there is no unfinished run to resume', { where, remedy: 'begin without --resume' });
  }
}

/** @throws CriaError naming what a resumed run was asked for that differs. */
export function refuseOtherSettings(where: string, saved: Settings, asked: Settings): void {
  const shown = (value: unknown) => JSON.stringify(value) ?? 'not given';
  const differing = [...new Set([...Object.keys(saved), ...Object.keys(asked)])]
    .filter((name) => shown(saved[name]) !== shown(asked[name]))
    .map((name) => `${name} was ${shown(saved[name])} and is ${shown(asked[name])}`);
  if (differing.length === 0) return;
  throw new CriaError(`the run was begun with other options: ${differing.join('; ')}`, {
    where,
    remedy: 'resume it with the same ones, or begin again with --force',
  });
}

/** A folder beside an output where a run keeps what is finished. */
export interface RunFolder {
  readonly folder: string;
  /** Called when the output is written. */
  remove(): void;
}

const settingsFile = 'settings.json';

/**
 * Begins or resumes a run that keeps the entries `names` in a folder beside its output.
 * @throws CriaError when an unfinished run would be lost, or was begun with other settings.
 */
export async function openRunFolder(
  folder: string,
  names: readonly string[],
  settings: Settings,
  start: RunStart,
): Promise<RunFolder> {
  const state = { folder, names: [settingsFile, ...names] };
  const path = join(folder, settingsFile);
  refuseForeign(state);
  refuseRunState(folder, existsSync(path), start);
  if (start.resume) refuseOtherSettings(folder, savedSettings(path), settings);
  else {
    removeRunState(state);
    makeFolder(folder);
    const bytes = new TextEncoder().encode(JSON.stringify(settings));
    await writeFileAtomically(path, (append) => append(bytes));
  }
  return { folder, remove: () => removeRunState(state) };
}

function savedSettings(path: string): Settings {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Settings;
  } catch (error) {
    throw readError(error, path);
  }
}
