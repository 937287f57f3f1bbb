import { CriaError } from '../base/index.ts';
import { isObject, parseJson, quoted } from './json.ts';
import { elementBytes, isPlainType } from './plain.ts';
import type { RangeFile } from './ranges.ts';
import type { StoredTensor } from './types.ts';

/** What stands before the numbers of a safetensors file. `tensors` are in the order of their bytes. */
export interface SafetensorsHeader {
  readonly tensors: readonly StoredTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const longestHeader = 100_000_000; // bytes, as in the reference implementation
const mostTensors = 250_000; // in one file; the largest public checkpoints have fewer in all their shards
const limits = { depth: 3, values: 16 * mostTensors };
const brokenFile = 'the file is damaged or incomplete: download or write it again';

/**
 * Reads and checks a safetensors header: 8 bytes of length, that much JSON, then the tensors' bytes without
 * overlaps or holes up to the end of the file. Nothing it says is believed before it is compared with the file.
 * (https://huggingface.co/docs/safetensors, "Format")
 * @throws CriaError naming the file, the tensor and what to do.
 */
export function readHeader(file: RangeFile): SafetensorsHeader {
  const length = headerLength(file);
  const bytes = new Uint8Array(length);
  file.read(8, bytes);
  if (bytes[0] !== 0x7b) throw broken(file.path, 'its header does not begin with {');
  const json = parseJson(bytes, file.path, limits);
  if (!isObject(json)) throw broken(file.path, 'its header is not a JSON object');

  const names = Object.keys(json).filter((name) => name !== '__metadata__');
  if (names.length > mostTensors) throw broken(file.path, `it names more than ${mostTensors} tensors`);
  const tensors = names.map((name) => checkedTensor(name, json[name], file, 8 + length));
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkLayout(tensors, file, 8 + length);
  return { tensors, metadata: checkedMetadata(json.__metadata__ ?? {}, file.path) };
}

/** Elements of a shape. @throws CriaError when they are more than can be counted exactly. */
export function elementCount(shape: readonly number[], where: string): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw new CriaError(`its shape holds ${size}`, { where });
    count *= size;
    if (!Number.isSafeInteger(count)) throw new CriaError(`its shape [${shape.slice(0, 8)}] overflows`, { where });
  }
  return count;
}

/** Where a tensor is: its file and its name. */
export function placeOf(path: string, name: string): string {
  return `${path}: tensor ${quoted(name)}`;
}

function headerLength(file: RangeFile): number {
  if (file.size < 10) throw broken(file.path, `${file.size} bytes are too few for a safetensors file`);
  const start = new Uint8Array(8);
  file.read(0, start);
  if (new TextDecoder().decode(start) === 'version ') {
    throw new CriaError('is a Git LFS pointer, not the weights', { where: file.path, remedy: 'run `git lfs pull`' });
  }
  const length = new DataView(start.buffer).getBigUint64(0, true);
  if (length > longestHeader) {
    throw broken(file.path, `its header claims ${length} bytes, more than the limit of ${longestHeader}`);
  }
  if (8 + Number(length) > file.size) {
    throw broken(file.path, `its header claims ${length} bytes, but the file has ${file.size}`);
  }
  return Number(length);
}

function checkedTensor(name: string, entry: unknown, file: RangeFile, dataStart: number): StoredTensor {
  const where = placeOf(file.path, name);
  if (!isObject(entry)) throw broken(where, 'its description is not an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string') throw broken(where, 'its dtype is missing');
  if (!isPlainType(dtype)) {
    const remedy = `convert it to one of ${Object.keys(elementBytes).join(', ')}`;
    throw new CriaError(`its dtype ${quoted(dtype)} is not supported`, { where, remedy });
  }
  if (!isSizes(shape)) throw broken(where, 'its shape is not a list of integers');
  if (!isSizes(offsets) || offsets.length !== 2) throw broken(where, 'its data_offsets are not two integers');

  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape, where) * elementBytes[dtype];
  if (begin > end) throw broken(where, `its bytes end (${end}) before they begin (${begin})`);
  if (end > file.size - dataStart)
    throw broken(where, `its bytes end at ${end}, beyond the ${file.size - dataStart} of the file`);
  if (end - begin !== bytes) {
    throw broken(where, `it has ${end - begin} bytes, but ${dtype} of shape [${shape.slice(0, 8)}] takes ${bytes}`);
  }
  return { name, shape, type: dtype, file: file.path, offset: dataStart + begin, bytes };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** `tensors` are sorted by offset: each must begin where the one before ends, and the last end with the file. */
function checkLayout(tensors: readonly StoredTensor[], file: RangeFile, dataStart: number): void {
  let end = dataStart;
  for (const tensor of tensors) {
    if (tensor.offset !== end) {
      const where = placeOf(file.path, tensor.name);
      throw broken(
        where,
        tensor.offset < end ? 'it overlaps another tensor' : `${tensor.offset - end} unused bytes precede it`,
      );
    }
    end += tensor.bytes;
  }
  if (end !== file.size) throw broken(file.path, `${file.size - end} bytes at its end belong to no tensor`);
}

function checkedMetadata(metadata: unknown, where: string): Record<string, string> {
  if (!isObject(metadata)) throw broken(where, 'its __metadata__ is not an object');
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') throw broken(where, `its __metadata__ ${quoted(key)} is not a string`);
  }
  return metadata as Record<string, string>;
}

function broken(where: string, what: string): CriaError {
  return new CriaError(what, { where, remedy: brokenFile });
}
