import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { CriaError, readError } from '../base/index.ts';

/** A file that is read by range; it stays open until `close`. */
export interface RangeFile {
  readonly path: string;
  /** Bytes in the file when it was opened. */
  readonly size: number;
  /** Fills `into` with the bytes from `offset` on. */
  read(offset: number, into: Uint8Array): void;
  close(): void;
}

const longestRead = 2 ** 30; // read(2) moves less than 2 GiB at once

/** Opens a regular file for reading by range. @throws CriaError when it is not there or cannot be read. */
export function openRanges(path: string): RangeFile {
  const { descriptor, size } = open(path);
  let closed = false;
  return {
    path,
    size,
    read(offset, into) {
      if (closed) throw new CriaError('was read after it was closed', { where: path, kind: 'failure' });
      for (let done = 0; done < into.length; ) {
        const length = Math.min(longestRead, into.length - done);
        const count = readSync(descriptor, into, done, length, offset + done);
        if (count === 0) throw new CriaError(`ends before byte ${offset + into.length}`, { where: path });
        done += count;
      }
    },
    close() {
      if (!closed) closeSync(descriptor);
      closed = true;
    },
  };
}

function open(path: string): { descriptor: number; size: number } {
  try {
    // Asked before opening, because opening a pipe would wait for its writer.
    if (!statSync(path).isFile()) throw new CriaError('is not a file', { where: path });
    const descriptor = openSync(path, 'r');
    return { descriptor, size: fstatSync(descriptor).size };
  } catch (error) {
    throw readError(error, path);
  }
}
