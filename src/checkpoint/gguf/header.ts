import { CriaError, closing } from '../../base/index.ts';
import { packingOf } from '../blocks/stored.ts';
import { openRanges, type RangeFile } from '../ranges.ts';
import { elementCount, placeOf } from '../safetensors-header.ts';
import type { StoredTensor } from '../types.ts';
import { type Cursor, cursorOver } from './cursor.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { typeOfNumber } from './tensor-types.ts';

/** What stands before the weights of a GGUF file; tensors have the file's own names and row order. */
export interface GgufHeader extends Metadata {
  readonly version: number;
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const magic = 0x46554747; // 'GGUF'
const defaultAlignment = 32;
const mostTensors = 1_000_000;
const rewrite = 'the file is damaged or incomplete: download or write it again';

/**
 * Reads and checks the header of a GGUF file, version 2 or 3, little-endian. Nothing it says is believed before it
 * is compared with the file: memory is bounded by the file's size.
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)
 * @throws CriaError naming the file, the key or tensor, and what to do.
 */
export function readGgufHeader(path: string): GgufHeader {
  return closing(openRanges(path), readHeader);
}

/** `readGgufHeader` of an open file. */
export function readHeader(file: RangeFile): GgufHeader {
  const cursor = cursorOver(file);
  const version = readVersion(cursor, file);
  const tensorCount = cursor.count();
  const pairCount = cursor.count();
  if (!(tensorCount <= mostTensors)) throw broken(file.path, `it claims ${tensorCount} tensors`);
  const { values, types } = readMetadata(cursor, pairCount, file.path);
  const alignment = alignmentOf(values.get('general.alignment') ?? defaultAlignment, file.path);

  const relative: StoredTensor[] = [];
  while (relative.length < tensorCount) relative.push(readTensor(cursor, file.path, alignment));
  const dataStart = Math.ceil(cursor.position() / alignment) * alignment;
  const tensors = new Map<string, StoredTensor>();
  for (const tensor of relative) {
    const where = placeOf(file.path, tensor.name);
    const offset = dataStart + tensor.offset;
    if (tensors.has(tensor.name)) throw broken(where, 'it is listed twice');
    if (!(offset + tensor.bytes <= file.size)) {
      throw broken(where, `its bytes end at ${offset + tensor.bytes}, but the file has ${file.size}`);
    }
    tensors.set(tensor.name, { ...tensor, offset });
  }
  checkOverlaps([...tensors.values()]);
  return { version, values, types, tensors };
}

function readVersion(cursor: Cursor, file: RangeFile): number {
  if (file.size < 24) throw broken(file.path, `${file.size} bytes are too few for a GGUF file`);
  if (cursor.u32() !== magic) {
    throw new CriaError('is not a GGUF file: the magic bytes are missing', {
      where: file.path,
      remedy: 'check the path',
    });
  }
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  const bigEndian = version === 0x02000000 || version === 0x03000000;
  const what = bigEndian ? 'is a big-endian GGUF file' : `is a GGUF file of version ${version}`;
  throw new CriaError(`${what}; only little-endian versions 2 and 3 are supported`, {
    where: file.path,
    remedy: 'convert the model again with a current llama.cpp',
  });
}

function alignmentOf(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isInteger(Math.log2(value)) || value < 1) {
    throw broken(path, `its general.alignment ${String(value).slice(0, 40)} is not a power of two`);
  }
  return value;
}

/** One tensor's description; its offset is still relative to the start of the weights. */
function readTensor(cursor: Cursor, path: string, alignment: number): StoredTensor {
  const name = cursor.string();
  const where = placeOf(path, name);
  const rank = cursor.u32();
  if (rank < 1 || rank > 4) throw broken(where, `it has ${rank} dimensions, not 1 to 4`);
  const shape = Array.from({ length: rank }, () => cursor.count()).reverse(); // the file has the innermost first
  const count = elementCount(shape, where);
  if (count === 0) throw broken(where, `its shape [${shape}] is empty`);

  const found = typeOfNumber(cursor.u32());
  if ('instead' in found) {
    const remedy = 'requantize it with llama.cpp, for example to Q4_K_M';
    throw new CriaError(`it is stored as ${found.instead}, which is not supported`, { where, remedy });
  }
  const { elements, bytes } = packingOf(found.type);
  const width = shape.at(-1) ?? 0;
  if (width % elements !== 0 || (elements > 1 && rank === 1)) {
    throw broken(
      where,
      `the rows of its shape [${shape}] are not a multiple of the ${found.type} block size ${elements}`,
    );
  }
  const offset = cursor.count();
  if (offset % alignment !== 0) throw broken(where, `its offset ${offset} is not a multiple of ${alignment}`);
  return { name, shape, type: found.type, file: path, offset, bytes: (count / elements) * bytes };
}

function checkOverlaps(tensors: StoredTensor[]): void {
  tensors.sort((a, b) => a.offset - b.offset);
  for (const [i, tensor] of tensors.entries()) {
    const before = tensors[i - 1];
    if (before && before.offset + before.bytes > tensor.offset) {
      throw broken(placeOf(tensor.file, tensor.name), `it overlaps the tensor ${before.name.slice(0, 100)}`);
    }
  }
}

function broken(where: string, what: string): CriaError {
  return new CriaError(what, { where, remedy: rewrite });
}
