import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CriaError, closing, messageOf, throwIfAborted } from '../base/index.ts';
import { asNetworkError, type Hub } from './hub-connection.ts';
import { openRanges } from './ranges.ts';

/** A file as the hub lists it. Large files have the SHA-256 of their bytes, the others git's blob id. */
export interface RemoteFile {
  readonly path: string;
  readonly size: number;
  readonly checksum: { readonly kind: 'sha256' | 'git'; readonly hex: string };
}

interface DownloadOptions {
  readonly signal: AbortSignal | undefined;
  /** Told how many bytes of the file are there. */
  readonly advance: (done: number) => void;
}

const pieceBytes = 2 ** 20;

/** Whether a file is at `path`, and right. */
export function isThere(file: RemoteFile, path: string, signal: AbortSignal | undefined): boolean {
  return sizeAt(path) === file.size && hashUpTo(path, file, signal).digest('hex') === file.checksum.hex;
}

/**
 * Brings one file to `path`. It grows under a name that carries its checksum and outlives this process (that is why
 * base's atomic writer, which cleans up, is not used), so that a later call continues it and never mixes two versions;
 * it gets its own name when its checksum is right.
 */
export async function download(hub: Hub, file: RemoteFile, path: string, options: DownloadOptions): Promise<void> {
  writing(path, () => mkdirSync(dirname(path), { recursive: true }));
  const partial = `${path}.${file.checksum.hex.slice(0, 12)}.partial`;
  if ((sizeAt(partial) ?? 0) > file.size) rmSync(partial);
  const hash = await complete(hub, file, partial, options);
  if (hash.digest('hex') !== file.checksum.hex) {
    rmSync(partial);
    const remedy = 'it was removed: run the same command again';
    throw new CriaError('the checksum differs from the one on the hub', { where: file.path, remedy, kind: 'failure' });
  }
  writing(path, () => renameSync(partial, path));
}

/** The place that a file is to get whose unfinished download is at `path`; undefined when none is. */
export function wholeOf(path: string): string | undefined {
  return /^(.+)\.[0-9a-f]{12}\.partial$/s.exec(path)?.[1];
}

/** Appends to `partial` what it lacks, and returns the hash of the whole. */
async function complete(hub: Hub, file: RemoteFile, partial: string, options: DownloadOptions): Promise<Hash> {
  let done = sizeAt(partial) ?? 0;
  let hash = done > 0 ? hashUpTo(partial, file, options.signal) : newHash(file);
  const descriptor = writing(partial, () => openSync(partial, 'a'));
  try {
    options.advance(done);
    if (done === file.size) return hash;
    const response = await hub.get(file.path, done);
    if (done > 0 && !continuesAt(response, done)) {
      ftruncateSync(descriptor, 0);
      hash = newHash(file);
      done = 0;
    }
    for await (const piece of response.body ?? []) {
      done += piece.length;
      if (done > file.size) {
        const what = `the hub sends more than the ${file.size} bytes that it lists`;
        throw new CriaError(what, { where: file.path, remedy: 'try again later', kind: 'failure' });
      }
      hash.update(piece);
      writing(partial, () => writeAll(descriptor, piece));
      options.advance(done);
    }
    if (done < file.size) {
      const what = `the hub stopped at ${done} of ${file.size} bytes`;
      throw new CriaError(what, { where: file.path, remedy: 'run the same command to continue', kind: 'failure' });
    }
    fsyncSync(descriptor);
    return hash;
  } catch (error) {
    throw asNetworkError(error, file.path, options.signal, 'the connection broke');
  } finally {
    closeSync(descriptor);
  }
}

function continuesAt(response: Response, from: number): boolean {
  return response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${from}-`) === true;
}

/** Git hashes a blob with a header before it: `blob SIZE\0`. */
function newHash({ checksum, size }: RemoteFile): Hash {
  return checksum.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** The hash after the bytes that are in the file at `path`. */
function hashUpTo(path: string, file: RemoteFile, signal: AbortSignal | undefined): Hash {
  const hash = newHash(file);
  return closing(openRanges(path), (there) => {
    const piece = new Uint8Array(Math.min(pieceBytes, there.size));
    for (let done = 0; done < there.size; done += piece.length) {
      throwIfAborted(signal);
      const part = piece.subarray(0, Math.min(piece.length, there.size - done));
      there.read(done, part);
      hash.update(part);
    }
    return hash;
  });
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

/** Work on the file at `path`, whose failure is told in a sentence. */
export function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const remedy = 'check the space and the permissions; the same command continues where it stopped';
    throw new CriaError(`cannot be written: ${messageOf(cause)}`, { where: path, remedy, kind: 'failure', cause });
  }
}

function sizeAt(path: string): number | undefined {
  return writing(path, () => statSync(path, { throwIfNoEntry: false })?.size);
}
