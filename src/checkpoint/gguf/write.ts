import { CriaError, writeFileAtomically } from '../../base/index.ts';
import { packingOf } from '../blocks/stored.ts';
import { elementCount, placeOf } from '../safetensors-header.ts';
import type { MetadataValue, StoredType } from '../types.ts';
import { type ValueType, valueBytes, valueTypes } from './metadata.ts';
import { typeNumbers } from './tensor-types.ts';

/** A tensor to be written, under GGUF's name and in GGUF's row order; its bytes are asked for when its turn comes. */
export interface GgufTensor {
  readonly name: string;
  /** Row-major, outermost first. */
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly bytes: () => Uint8Array;
}

/** What a GGUF file is made of. */
export interface GgufContents {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** How numbers are stored where their value alone does not tell: 10000 as f32, say. */
  readonly types?: ReadonlyMap<string, ValueType>;
  readonly tensors: Iterable<GgufTensor>;
  /** Where tensors begin: at multiples of this power of two. */
  readonly alignment?: number;
}

const magicAndVersion = Buffer.from('GGUF\x03\0\0\0', 'latin1');
const usualAlignment = 32;
const longestWrite = 2 ** 30; // write(2) moves less than 2 GiB at once

/**
 * Writes a GGUF file of version 3, whole or not at all, holding one tensor's bytes at a time.
 * Numbers whose type is not given are u32, else i32, u64 or i64, whichever holds them first, else f32.
 * @throws CriaError when names repeat, or a type or size does not fit the format.
 */
export async function writeGguf(path: string, contents: GgufContents): Promise<void> {
  const alignment = contents.alignment ?? usualAlignment;
  const tensors = [...contents.tensors];
  const metadata = new Map(contents.metadata);
  if (alignment === usualAlignment) metadata.delete('general.alignment');
  else metadata.set('general.alignment', alignment);

  const header = headerOf(path, metadata, contents.types ?? new Map(), tensors, alignment);
  await writeFileAtomically(path, async (append) => {
    await append(header);
    for (const tensor of tensors) {
      const bytes = tensor.bytes();
      const size = sizeOf(path, tensor);
      if (bytes.length !== size) {
        const where = placeOf(path, tensor.name);
        throw new CriaError(`${bytes.length} bytes were given, but its shape takes ${size}`, {
          where,
          kind: 'failure',
        });
      }
      for (let at = 0; at < size; at += longestWrite) await append(bytes.subarray(at, at + longestWrite));
      await append(new Uint8Array(padded(size, alignment) - size));
    }
  });
}

function headerOf(
  path: string,
  metadata: ReadonlyMap<string, MetadataValue>,
  types: ReadonlyMap<string, ValueType>,
  tensors: readonly GgufTensor[],
  alignment: number,
): Uint8Array {
  const parts = [magicAndVersion, wide(tensors.length), wide(metadata.size)];
  for (const [key, value] of metadata)
    parts.push(text(key), encoded(value, types.get(key), `${path}: metadata ${key}`));

  const names = new Set<string>();
  let offset = 0;
  for (const tensor of tensors) {
    const where = placeOf(path, tensor.name);
    if (names.has(tensor.name)) throw new CriaError('would be written twice', { where, kind: 'failure' });
    names.add(tensor.name);
    const type = typeNumbers[tensor.type];
    if (type === undefined)
      throw new CriaError(`GGUF has no type ${tensor.type}`, { where, remedy: 'convert it to a type of GGUF' });
    const sizes = tensor.shape.toReversed().map(wide);
    parts.push(text(tensor.name), u32(sizes.length), ...sizes, u32(type), wide(offset));
    offset += padded(sizeOf(path, tensor), alignment);
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(parts, padded(length, alignment)); // filled up with zeros
}

function sizeOf(path: string, { name, shape, type }: GgufTensor): number {
  const where = placeOf(path, name);
  const { elements, bytes } = packingOf(type);
  const width = shape.at(-1) ?? 0;
  if (shape.length > 4 || width % elements !== 0) {
    const remedy = `store it as F16, or as a type of smaller blocks`;
    throw new CriaError(`rows of ${width} values are not a multiple of the ${type} block size ${elements}`, {
      where,
      remedy,
    });
  }
  return (elementCount(shape, where) / elements) * bytes;
}

function encoded(value: MetadataValue, given: ValueType | undefined, where: string): Buffer {
  if (typeof value !== 'object') {
    const type = given ?? typeOf(value);
    return Buffer.concat([u32(valueTypes.indexOf(type)), scalar(value, type, where)]);
  }
  const type = given ?? elementTypeOf(value);
  const elements: Buffer[] = [];
  for (const item of value) elements.push(scalar(item, type, where));
  return Buffer.concat([
    u32(valueTypes.indexOf('array')),
    u32(valueTypes.indexOf(type)),
    wide(value.length),
    ...elements,
  ]);
}

function typeOf(value: MetadataValue): ValueType {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'f32';
  if (typeof value === 'number' && value >= 0 && value < 2 ** 32) return 'u32';
  if (typeof value === 'number' && value < 0 && value >= -(2 ** 31)) return 'i32';
  return (value as number | bigint) < 0 ? 'i64' : 'u64';
}

/** Typed arrays say it themselves; lists of numbers are what holds all of them. */
function elementTypeOf(values: Exclude<MetadataValue, string | number | bigint | boolean>): ValueType {
  if (values instanceof Float32Array) return 'f32';
  if (values instanceof Float64Array) return 'f64';
  if (values instanceof Int32Array) return 'i32';
  if (values instanceof Uint32Array) return 'u32';
  if (values instanceof Int8Array) return 'i8';
  if (values instanceof Uint8Array) return 'u8';
  const needed = new Set(values.map(typeOf));
  return (['f32', 'i64', 'u64', 'i32', 'u32', 'bool', 'string'] as const).find((type) => needed.has(type)) ?? 'string';
}

function scalar(value: MetadataValue, type: ValueType, where: string): Buffer {
  try {
    if (type === 'string' && typeof value === 'string') return text(value);
    if (type === 'bool' && typeof value === 'boolean') return Buffer.of(value ? 1 : 0);
    if (typeof value === 'number' || typeof value === 'bigint') return numeric(value, type);
  } catch (cause) {
    throw new CriaError(`${value} does not fit ${type}`, { where, cause });
  }
  throw new CriaError(`a ${typeof value} cannot be written as ${type}`, { where });
}

function numeric(value: number | bigint, type: ValueType): Buffer {
  if (type === 'string' || type === 'bool' || type === 'array') throw new RangeError('not a number type');
  const bytes = Buffer.alloc(valueBytes[type]);
  switch (type) {
    case 'f32':
      bytes.writeFloatLE(Number(value));
      break;
    case 'f64':
      bytes.writeDoubleLE(Number(value));
      break;
    case 'u64':
      bytes.writeBigUInt64LE(BigInt(value));
      break;
    case 'i64':
      bytes.writeBigInt64LE(BigInt(value));
      break;
    default:
      if (type.startsWith('u')) bytes.writeUIntLE(Number(value), 0, bytes.length);
      else bytes.writeIntLE(Number(value), 0, bytes.length);
  }
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([wide(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  return numeric(value, 'u32');
}

function wide(value: number): Buffer {
  return numeric(value, 'u64');
}

function padded(length: number, alignment: number): number {
  return Math.ceil(length / alignment) * alignment;
}
