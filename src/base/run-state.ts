import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CriaError, readError } from './errors.ts';
import { makeFolder, writeFileAtomically } from './files.ts';

/** What a run was asked for: plain data, and maps, that a resumed run has to repeat. */
export type Settings = Readonly<Record<string, unknown>>;

/** How a run whose state lies beside its output begins. */
export interface RunStart {
  /** Go on with an unfinished one. */
  readonly resume: boolean;
  /** Give up what is there. */
  readonly force: boolean;
  /** Interrupts it: what an interrupted run has begun stays. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a run keeps its finished steps until its output is written: the folder `OUT.ending`. */
export interface RunPlace {
  readonly out: string;
  /** Tells runs of different kinds with one output apart. */
  readonly ending: string;
  /** Every entry that the folder may have: nothing else is taken for a step of a run, or removed. */
  readonly names: readonly string[];
}

/** The finished steps of a run, by name. */
export interface RunState {
  readonly folder: string;
  /** Whether an earlier run goes on. */
  readonly resumed: boolean;
  /** Where a step is kept; its writer must write it whole or not at all. */
  path(name: string): string;
  has(name: string): boolean;
  /** The plain data of a step, or undefined. @throws CriaError when the file is not JSON. */
  read<T>(name: string): T | undefined;
  /** Keeps plain data in place of what was there. */
  write(name: string, data: unknown): Promise<void>;
  /** The plain data of a step that is computed once. */
  once<T>(name: string, compute: () => Promise<T>): Promise<T>;
  remove(name: string): void;
}

const settingsFile = 'settings.json';

/** The folder beside an output in which a run of the kind `ending` keeps its state. */
export const besideOutput = (out: string, ending: string): string => `${resolve(out)}.${ending}`;

/**
 * Runs `work`, whose finished steps are kept beside its output: an interrupted run is resumed behind them, with the same
 * settings only. `work` writes the output; the state is removed behind it, and where a run fails before its first step.
 * @throws CriaError when an unfinished run would be lost, there is none to resume, or it had other settings.
 */
export async function withRunState<T>(
  place: RunPlace,
  settings: Settings,
  start: RunStart,
  work: (state: RunState) => Promise<T>,
): Promise<T> {
  const folder = besideOutput(place.out, place.ending);
  const names = [settingsFile, ...place.names];
  refuseForeign(folder, names);
  const { resume } = start;
  const isBegun = place.names.some((name) => existsSync(join(folder, name)));
  refuseUnfinished(folder, isBegun, start);
  const path = join(folder, settingsFile);
  if (!resume) removeEntries(folder, names);
  if (existsSync(path)) refuseOtherSettings(folder, settingsIn(path), settings);
  else if (isBegun && resume) throw notOfARun(folder);
  else {
    makeFolder(folder);
    await writeJson(path, settings);
  }
  try {
    const result = await work(stateIn(folder, place.names, resume));
    removeEntries(folder, names);
    return result;
  } catch (error) {
    const isEmpty = entriesOf(folder).every((entry) => isKept(entry, [settingsFile]));
    if (isEmpty && !start.signal?.aborted) removeEntries(folder, names);
    throw error;
  }
}

/** @throws CriaError naming what a resumed run was asked for that differs. */
export function refuseOtherSettings(where: string, saved: Settings, asked: Settings): void {
  const shown = (value: unknown) => asJson(value) ?? 'not given';
  const differing = [...new Set([...Object.keys(saved), ...Object.keys(asked)])]
    .filter((name) => shown(saved[name]) !== shown(asked[name]))
    .map((name) => `${name} was ${shown(saved[name])} and is ${shown(asked[name])}`);
  if (differing.length === 0) return;
  throw new CriaError(`the run was started with other options: ${differing.join('; ')}`, {
    where,
    remedy: 'resume it with the same options, or pass --force to start again',
  });
}

/** A state that cannot be gone on with. */
export const notOfARun = (where: string): CriaError =>
  new CriaError('is not a valid run state', { where, remedy: 'pass --force to start again' });

function stateIn(folder: string, names: readonly string[], resumed: boolean): RunState {
  const path = (name: string) => {
    if (!names.includes(name)) throw new Error(`the state of this run has no ${name}`);
    return join(folder, name);
  };
  const has = (name: string) => existsSync(path(name));
  const read = <T>(name: string) => (has(name) ? (readJson(path(name)) as T) : undefined);
  const write = (name: string, data: unknown) => writeJson(path(name), data);
  return {
    folder,
    resumed,
    path,
    has,
    read,
    write,
    async once<T>(name: string, compute: () => Promise<T>) {
      if (has(name)) return read<T>(name) as T;
      const made = await compute();
      await write(name, made);
      return made;
    },
    remove: (name) => rmSync(path(name), { recursive: true, force: true }),
  };
}

function refuseForeign(folder: string, names: readonly string[]): void {
  const other = entriesOf(folder).find((entry) => !isKept(entry, names));
  if (other === undefined) return;
  const remedy = 'choose another output: its run state would go to this folder';
  throw new CriaError(`holds ${other}, which does not belong to a run`, { where: folder, remedy });
}

function refuseUnfinished(where: string, isBegun: boolean, { resume, force }: RunStart): void {
  if (isBegun && !resume && !force) {
    const remedy = 'pass --resume to continue it or --force to start again';
    throw new CriaError('holds an unfinished run', { where, remedy });
  }
  // of a run that was killed before its first step there is a folder
  if (resume && !existsSync(where)) {
    throw new CriaError('there is no unfinished run to resume', { where, remedy: 'leave --resume out' });
  }
}

/** Removes what a run has kept, and the folder when nothing else is in it. */
function removeEntries(folder: string, names: readonly string[]): void {
  for (const entry of entriesOf(folder)) {
    if (isKept(entry, names)) rmSync(join(folder, entry), { recursive: true, force: true });
  }
  if (isFolder(folder) && entriesOf(folder).length === 0) rmdirSync(folder);
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Nothing where no folder is, which is said when one is written. */
const entriesOf = (folder: string): string[] => (isFolder(folder) ? readdirSync(folder) : []);

const isKept = (entry: string, names: readonly string[]): boolean =>
  names.some((name) => entry === name || (entry.startsWith(`.${name}.`) && entry.endsWith('.partial')));

function settingsIn(path: string): Settings {
  const saved = readJson(path);
  if (typeof saved === 'object' && saved !== null) return saved as Settings;
  throw notOfARun(path);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw error instanceof SyntaxError ? notOfARun(path) : readError(error, path);
  }
}

const asJson = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, each: unknown) => (each instanceof Map ? [...each] : each));

function writeJson(path: string, data: unknown): Promise<void> {
  return writeFileAtomically(path, (append) => append(new TextEncoder().encode(`${asJson(data)}\n`)));
}
