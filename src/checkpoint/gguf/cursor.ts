import { CriaError } from '../../base/index.ts';
import type { RangeFile } from '../ranges.ts';

/** Reads little-endian values one after the other, through a window on the file. */
export interface Cursor {
  /** Where in the file the next value begins. */
  readonly position: () => number;
  u32(): number;
  /** 64 bits as a number; above 2^53 only its size is right, which is what a count or an offset is checked by. */
  count(): number;
  /** Length in 64 bits, then UTF-8. */
  string(): string;
  /** The next `length` bytes, to be used before the next read. */
  bytes(length: number): Buffer;
}

const windowBytes = 2 ** 20;
/** The largest vocabularies make headers of 20 MB. */
const longestHeader = 2 ** 30;

/** A cursor at the start of `file`, which asks for no more memory than the file has bytes. */
export function cursorOver(file: RangeFile): Cursor {
  let window = Buffer.alloc(0);
  let start = 0;
  let next = 0;

  /** Where in the window the next `length` bytes are. */
  const take = (length: number): number => {
    if (length > window.length - next) refill(length);
    next += length;
    return next - length;
  };

  const refill = (length: number): void => {
    start += next;
    const left = Math.min(file.size, longestHeader) - start;
    if (!(length <= left)) {
      throw new CriaError(
        `its header claims ${length} bytes at byte ${start}, but only ${Math.max(0, left)} are left`,
        {
          where: file.path,
          remedy: 'the file is damaged or incomplete: download or write it again',
        },
      );
    }
    window = Buffer.allocUnsafe(Math.min(file.size - start, Math.max(length, windowBytes)));
    next = 0;
    file.read(start, window);
  };

  const u32 = (): number => {
    const at = take(4);
    return window.readUInt32LE(at);
  };
  const count = (): number => {
    const at = take(8);
    return window.readUInt32LE(at + 4) * 2 ** 32 + window.readUInt32LE(at);
  };
  return {
    position: () => start + next,
    u32,
    count,
    string() {
      const length = count();
      const at = take(length);
      return window.toString('utf8', at, at + length);
    },
    bytes(length) {
      const at = take(length);
      return window.subarray(at, at + length);
    },
  };
}
