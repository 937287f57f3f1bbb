import { CriaError } from '../../base/index.ts';
import { quoted } from '../json.ts';
import type { MetadataValue, NumberArray } from '../types.ts';
import type { Cursor } from './cursor.ts';

/** How a metadata value, or each element of an array, is stored. */
export type ValueType = (typeof valueTypes)[number];

/** The types by their number in the file. (GGUF specification, gguf_metadata_value_type) */
export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;

/** A header's key-value pairs. `types` says how each was stored, which its value alone does not tell. */
export interface Metadata {
  readonly values: ReadonlyMap<string, MetadataValue>;
  readonly types: ReadonlyMap<string, ValueType>;
}

/** Values that live one by one on the heap (keys, strings, flags, wide integers) are this many at most. */
const mostItems = 2 ** 24;

/** Reads `count` key-value pairs. @throws CriaError for unknown types, nested arrays and repeated keys. */
export function readMetadata(cursor: Cursor, count: number, path: string): Metadata {
  const values = new Map<string, MetadataValue>();
  const types = new Map<string, ValueType>();
  let items = 0;
  const spend = (more: number) => {
    items += more;
    if (!(items <= mostItems)) throw new CriaError(`its header lists more than ${mostItems} items`, { where: path });
  };

  spend(count);
  for (let i = 0; i < count; i++) {
    const key = cursor.string();
    const where = `${path}: metadata ${quoted(key)}`;
    if (values.has(key)) throw new CriaError('is given twice', { where, remedy: 'write the file again' });
    const type = readType(cursor, where);
    if (type === 'array') {
      const elementType = readType(cursor, where);
      if (elementType === 'array') throw new CriaError('is a nested array', { where, remedy: 'leave it out' });
      const length = cursor.count();
      if (!(elementType in numberArrays)) spend(length);
      values.set(key, readArray(cursor, elementType, length));
      types.set(key, elementType);
    } else {
      values.set(key, readValue(cursor, type));
      types.set(key, type);
    }
  }
  return { values, types };
}

type Scalar = Exclude<ValueType, 'array'>;

function readType(cursor: Cursor, where: string): ValueType {
  const number = cursor.u32();
  const type = valueTypes[number];
  if (!type) throw new CriaError(`has the unknown type ${number}`, { where, remedy: 'write the file again' });
  return type;
}

/** Bytes of a value. */
export const valueBytes: Readonly<Record<Exclude<Scalar, 'string'>, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

function readValue(cursor: Cursor, type: Scalar): string | number | bigint | boolean {
  if (type === 'string') return cursor.string();
  const bytes = cursor.bytes(valueBytes[type]);
  switch (type) {
    case 'u8':
      return bytes.readUInt8();
    case 'i8':
      return bytes.readInt8();
    case 'u16':
      return bytes.readUInt16LE();
    case 'i16':
      return bytes.readInt16LE();
    case 'u32':
      return bytes.readUInt32LE();
    case 'i32':
      return bytes.readInt32LE();
    case 'f32':
      return bytes.readFloatLE();
    case 'f64':
      return bytes.readDoubleLE();
    case 'bool':
      return bytes.readUInt8() !== 0;
    case 'u64':
      return narrowed(bytes.readBigUInt64LE());
    case 'i64':
      return narrowed(bytes.readBigInt64LE());
  }
}

/** Arrays of these element types become typed arrays. */
const numberArrays: Partial<Record<ValueType, (bytes: ArrayBuffer) => NumberArray>> = {
  u8: (bytes) => new Uint8Array(bytes),
  i8: (bytes) => new Int8Array(bytes),
  u16: (bytes) => Uint32Array.from(new Uint16Array(bytes)),
  i16: (bytes) => Int32Array.from(new Int16Array(bytes)),
  u32: (bytes) => new Uint32Array(bytes),
  i32: (bytes) => new Int32Array(bytes),
  f32: (bytes) => new Float32Array(bytes),
  f64: (bytes) => new Float64Array(bytes),
};

function readArray(cursor: Cursor, type: Scalar, length: number): MetadataValue {
  const asNumbers = numberArrays[type];
  if (asNumbers && type !== 'string') {
    const bytes = cursor.bytes(length * valueBytes[type]);
    return asNumbers(new Uint8Array(bytes).buffer);
  }
  const list: MetadataValue[] = [];
  for (let i = 0; i < length; i++) list.push(readValue(cursor, type));
  return list;
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
