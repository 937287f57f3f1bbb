import { CriaError } from '../../base/index.ts';
import { placeOf } from '../safetensors-header.ts';
import type { StoredTensor } from '../types.ts';
import { decodeStored } from './stored.ts';

/** Rows [from, to) of a tensor's first dimension. */
export type Rows = readonly [from: number, to: number];

export const stagingBytes = 2 ** 20; // fits the second-level cache: a tensor is decoded in pieces of about this size

/** The rows that were asked for, all of them by default. @throws CriaError when the tensor has no such rows. */
export function checkedRows(tensor: StoredTensor, rows: Rows | undefined): Rows {
  const height = tensor.shape[0] ?? 0;
  const [from, to] = rows ?? [0, height];
  if (Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= height) return [from, to];
  const where = placeOf(tensor.file, tensor.name);
  throw new CriaError(`rows ${from} to ${to} are out of range: it has ${height}`, { where });
}

/** Bytes of a row. */
export function rowBytesOf(tensor: StoredTensor): number {
  return tensor.bytes / (tensor.shape[0] ?? 1);
}

/**
 * Decodes rows to float32, a cache-sized piece at a time: `read` gives the stored bytes of a range of rows, which
 * begins at a multiple of `unit` where the rows that were asked for do.
 * @throws CriaError when the rows are not there, or do not fit `into` or the memory.
 */
export function decodeRows(
  tensor: StoredTensor,
  { rows, into, unit }: { rows?: Rows; into?: Float32Array; unit: number },
  read: (from: number, to: number) => Uint8Array,
): Float32Array {
  const [from, to] = checkedRows(tensor, rows);
  const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
  const count = (to - from) * width;
  const values = into ?? allocate(tensor, () => new Float32Array(count));
  if (values.length !== count) {
    const where = placeOf(tensor.file, tensor.name);
    throw new CriaError(`${count} values do not fit an array of ${values.length}`, { where, kind: 'failure' });
  }
  const step = Math.max(1, Math.floor(stagingBytes / rowBytesOf(tensor) / unit)) * unit;
  for (let row = from; row < to; row += step) {
    const end = Math.min(to, row + step);
    decodeStored(tensor.type, read(row, end), values.subarray((row - from) * width, (end - from) * width));
  }
  return values;
}

/** What `make` makes. @throws CriaError where the memory is not enough for it. */
export function allocate<T>(tensor: StoredTensor, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const where = placeOf(tensor.file, tensor.name);
    throw new CriaError('does not fit in memory', { where, remedy: 'read it by rows', kind: 'failure', cause });
  }
}
