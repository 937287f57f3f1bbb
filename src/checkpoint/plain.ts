import type { PlainType } from './types.ts';

/** Bytes of one element. */
export const elementBytes: Readonly<Record<PlainType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

type MachineArray = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayLike<number>;

/** The arrays of the types that the machine's number formats include. */
const machineArrays: Readonly<Record<Exclude<PlainType, 'F16' | 'BF16' | 'I64'>, MachineArray>> = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** The plain types that float32 values can be stored as. */
export type FloatType = 'F32' | 'F16' | 'BF16';

/** Whether a type's elements stand alone, one after the other, as in safetensors. */
export function isPlainType(type: string): type is PlainType {
  return Object.hasOwn(elementBytes, type);
}

/**
 * Converts little-endian elements of a plain type to float32; NaN and infinities stay what they are, values
 * that float32 cannot hold are rounded. `into` has one place for each element of `bytes`.
 */
export function plainToFloat32(type: PlainType, bytes: Uint8Array, into: Float32Array): void {
  const aligned = bytes.byteOffset % elementBytes[type] === 0 ? bytes : new Uint8Array(bytes); // a copy is aligned
  const { buffer, byteOffset } = aligned;
  const count = into.length;
  if (type === 'F16') halfToFloat32(new Uint16Array(buffer, byteOffset, count), into);
  else if (type === 'BF16') brainToFloat32(new Uint16Array(buffer, byteOffset, count), into);
  else if (type === 'I64') longToFloat32(new Int32Array(buffer, byteOffset, 2 * count), into);
  else into.set(new machineArrays[type](buffer, byteOffset, count));
}

/** Float32 values as little-endian bytes of `type`, rounded to the nearest, ties to even (IEEE 754). */
export function float32ToPlain(type: FloatType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.slice().buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const stored = new Uint16Array(values.length);
  // Two loops, not one that is handed a function: the compiler inlines each rounding into its own.
  if (type === 'F16') for (let i = 0; i < bits.length; i++) stored[i] = roundToHalf(bits[i] as number);
  else for (let i = 0; i < bits.length; i++) stored[i] = roundToBrain(bits[i] as number);
  return new Uint8Array(stored.buffer);
}

let halves: Float32Array | undefined;

/** All 65,536 half-precision values by their bits: one look-up converts. */
function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = (bits & 0x3ff) / 1024;
    if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });
  return halves;
}

function halfToFloat32(from: Uint16Array, into: Float32Array): void {
  const table = halfTable();
  for (let i = 0; i < from.length; i++) into[i] = table[from[i] as number] as number;
}

/** bfloat16 is the upper half of float32. */
function brainToFloat32(from: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < from.length; i++) bits[i] = (from[i] as number) << 16;
}

/** 64-bit integers as pairs of low and high words, which is much faster than BigInt. */
function longToFloat32(words: Int32Array, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) {
    into[i] = (words[2 * i + 1] as number) * 2 ** 32 + ((words[2 * i] as number) >>> 0);
  }
}

function roundToBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN stays a (quiet) NaN
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

const magnitude = new Float32Array(1);
const magnitudeBits = new Uint32Array(magnitude.buffer);

function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00; // NaN
  if (size >= 0x47800000) return sign | 0x7c00; // 2^16 and more: infinity
  if (size < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24, the spacing of float32 in [0.5, 1): adding 0.5 rounds to them.
    magnitudeBits[0] = size;
    magnitude[0] = (magnitude[0] as number) + 0.5;
    return sign | ((magnitudeBits[0] as number) - 0x3f000000);
  }
  // The exponent's bias falls from 127 to 15; a carry out of the fraction moves it up, to infinity at the end.
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}
