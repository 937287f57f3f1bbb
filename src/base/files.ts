import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CriaError, messageOf, readError, throwIfAborted } from './errors.ts';
import { silent, type Watch } from './progress.ts';

/** Appends bytes to a file that is being written; lets waiting events (Ctrl-C) happen now and then. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file under a temporary name beside its place, flushes it, then renames it: a reader sees the
 * whole file or none. Whatever `fill` throws (a full disk too) removes the temporary file.
 * @throws CriaError when the folder cannot be written.
 */
export async function writeFileAtomically(path: string, fill: (append: Append) => void | Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(temporary, 'w');
    const opened = descriptor;
    let breathed = performance.now();
    await fill(async (bytes) => {
      writeFully(opened, bytes);
      if (performance.now() - breathed < breathEveryMs) return;
      await setImmediate();
      breathed = performance.now();
    });
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw asWriteError(error, path);
  }
}

/** What `use` makes of an open file, which is closed on every path. */
export function closing<File extends { close(): void }, T>(file: File, use: (file: File) => T): T {
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/** The SHA-256 of a file's bytes, in hexadecimal. @throws CriaError when it cannot be read. */
export async function contentHash(path: string, { progress = silent, signal }: Watch = {}): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  try {
    const total = statSync(path).size;
    for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Uint8Array>) {
      throwIfAborted(signal);
      hash.update(bytes);
      done += bytes.length;
      progress.step(`hashing ${basename(path)}`, done, total, 'bytes');
    }
  } catch (error) {
    throwIfAborted(signal);
    throw readError(error, path);
  }
  return hash.digest('hex');
}

/** Makes a folder where it is missing. @throws CriaError when it cannot be written. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw asWriteError(error, path);
  }
}

/** Appends to a text file, and makes it where it is missing. @throws CriaError when it cannot be written. */
export function appendLine(path: string, line: string): void {
  try {
    appendFileSync(path, line);
  } catch (error) {
    throw asWriteError(error, path);
  }
}

/**
 * Makes a folder under a temporary name, lets `fill` write into it, then renames it into place.
 * @throws CriaError when `path` exists and `force` is not set, or when it cannot be written.
 */
export async function writeFolderAtomically(
  path: string,
  force: boolean,
  fill: (folder: string) => void | Promise<void>,
): Promise<void> {
  refuseExisting(path, force);
  const temporary = temporaryBeside(path);
  try {
    rmSync(temporary, { recursive: true, force: true }); // what a process of the same number has left
    mkdirSync(temporary);
    await fill(temporary);
    replaceFolder(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw asWriteError(error, path);
  }
}

/**
 * Called before long work starts.
 * @throws CriaError when something stands at `path` and `force` is not set, or when it is nothing that cria has
 * written: a device, or a folder that holds other things.
 */
export function refuseExisting(path: string, force: boolean): void {
  const there = statusOf(path);
  if (!there) return;
  if (!force) throw new CriaError('already exists', { where: path, remedy: 'choose another output or pass --force' });
  const isArtifact = (entries: readonly string[]) => entries.length === 0 || entries.includes(artifactMark);
  const replaceable = there.isDirectory() ? isArtifact(readdirSync(path)) : there.isFile();
  if (replaceable) return;
  const what = there.isDirectory() ? `is a folder without ${artifactMark}` : 'is not a regular file';
  throw new CriaError(`${what}, so it is not replaced`, { where: path, remedy: 'choose another output' });
}

function statusOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw asWriteError(error, path);
  }
}

/** What every folder that cria writes holds: it tells what made it. */
const artifactMark = 'cria.json';

/** Puts a finished folder in the place of another, which is gone only when the new one is there. */
function replaceFolder(finished: string, path: string): void {
  const old = `${finished}.old`;
  rmSync(old, { recursive: true, force: true });
  const isThere = existsSync(path);
  if (isThere) renameSync(path, old);
  try {
    renameSync(finished, path);
  } catch (error) {
    if (isThere) renameSync(old, path);
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

const liveTemporaries = new Set<string>();

/** Removes what interrupted writers left: called when the process is told to stop. */
export function removeTemporaries(): void {
  for (const path of liveTemporaries) rmSync(path, { recursive: true, force: true });
}

function temporaryBeside(path: string): string {
  makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
  liveTemporaries.add(temporary);
  return temporary;
}

const breathEveryMs = 20;
const atOnce = 2 ** 30; // one write call takes less than 2 GiB

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, Math.min(atOnce, bytes.length - written));
  }
}

function asWriteError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException)?.code;
  if (code === 'ENOSPC') {
    return new CriaError('the disk is full', { where: path, remedy: 'free some space', kind: 'failure', cause: error });
  }
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) {
    return new CriaError(`cannot be written: ${messageOf(error)}`, { where: path, cause: error });
  }
  return error;
}
