import { CriaError, closing } from '../base/index.ts';
import { allocate, checkedRows, type Rows, rowBytesOf, stagingBytes } from './blocks/rows.ts';
import { elementBytes, plainToFloat32 } from './plain.ts';
import { openRanges, type RangeFile } from './ranges.ts';
import { placeOf, readHeader, type SafetensorsHeader } from './safetensors-header.ts';
import type { Checkpoint, PlainType, StoredTensor } from './types.ts';

/** One opened safetensors file: a shard, an adapter, a patch. The reads are those of `Checkpoint`. */
export interface SafetensorsFile extends Pick<Checkpoint, 'path' | 'tensors' | 'readFloat32' | 'readBytes' | 'close'> {
  readonly metadata: Readonly<Record<string, string>>;
}

/** The tensors and the metadata of a safetensors file, checked against the file. @throws CriaError when they lie. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  return closing(openRanges(path), readHeader);
}

/** Opens a safetensors file; its tensors are read when asked for. @throws CriaError when its header is not sound. */
export function openSafetensors(path: string): SafetensorsFile {
  const file = openRanges(path);
  try {
    const { tensors, metadata } = readHeader(file);
    const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    return {
      path,
      tensors: named,
      metadata,
      readFloat32: (name, { rows, into } = {}) => readFloat32(file, tensorNamed(named, name, path), rows, into),
      readBytes: (name, { rows } = {}) => readBytes(file, tensorNamed(named, name, path), rows),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** @throws CriaError when `path` holds no tensor of that name. */
export function tensorNamed<T>(tensors: ReadonlyMap<string, T>, name: string, path: string): T {
  const tensor = tensors.get(name);
  if (!tensor)
    throw new CriaError('is missing', { where: placeOf(path, name), remedy: '`cria inspect` lists the names' });
  return tensor;
}

function readFloat32(file: RangeFile, tensor: StoredTensor, rows: Rows | undefined, into?: Float32Array): Float32Array {
  const type = tensor.type as PlainType; // a safetensors header holds no other
  const { offset, bytes } = rangeOf(tensor, rows);
  const count = bytes / elementBytes[type];
  const values = into ?? allocate(tensor, () => new Float32Array(count));
  if (values.length !== count) {
    const where = placeOf(tensor.file, tensor.name);
    throw new CriaError(`${count} values do not fit an array of ${values.length}`, { where, kind: 'failure' });
  }
  if (type === 'F32') {
    file.read(offset, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return values;
  }
  const staging = new Uint8Array(Math.min(stagingBytes, bytes));
  for (let done = 0; done < bytes; done += staging.length) {
    const piece = staging.subarray(0, Math.min(staging.length, bytes - done));
    file.read(offset + done, piece);
    plainToFloat32(type, piece, values.subarray(done / elementBytes[type], (done + piece.length) / elementBytes[type]));
  }
  return values;
}

function readBytes(file: RangeFile, tensor: StoredTensor, rows: Rows | undefined): Uint8Array {
  const { offset, bytes } = rangeOf(tensor, rows);
  const into = allocate(tensor, () => new Uint8Array(bytes));
  file.read(offset, into);
  return into;
}

function rangeOf(tensor: StoredTensor, rows: Rows | undefined): { offset: number; bytes: number } {
  if (!rows) return tensor;
  const [from, to] = checkedRows(tensor, rows);
  const rowBytes = tensor.shape[0] ? rowBytesOf(tensor) : 0;
  return { offset: tensor.offset + from * rowBytes, bytes: (to - from) * rowBytes };
}
