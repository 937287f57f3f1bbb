import { allFinite } from '../../base/index.ts';
import { type Checkpoint, readHalf, type StoredType } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { headName, layerPrefix } from '../architecture/names.ts';
import { nonFinite } from './finite.ts';
import { minimumsAsColumns } from './minimums.ts';
import { type Packing, packedNames, stackedName } from './weights.ts';

/** In which precision weights are held: as the file suggests, or as asked. */
export const precisions = ['auto', 'f32', 'q8', 'q4'] as const;
export type Precision = (typeof precisions)[number];

const block = 32; // of every 32-element type of GGUF, so that their scales carry over exactly

const exact4: Packing = { bits: 4, block, minimums: false, wideActivations: false };
const minimum4: Packing = { bits: 4, block, minimums: true, wideActivations: false };
const exact8: Packing = { bits: 8, block, minimums: false, wideActivations: false };

/**
 * How a matrix is packed. `auto` keeps float weights in float32 and quantized ones in as many bits as hold them: 4
 * for Q4_0 and Q4_1, 8 for the others; Q4_0 and Q8_0 are kept exactly, Q4_1 but for a last digit of its minimums. A table that is looked up by
 * rows is packed at 8 bits.
 */
export function packingFor(
  precision: Precision,
  type: StoredType,
  inner: number,
  isTable: boolean,
): Packing | undefined {
  if (precision === 'f32' || inner % block !== 0) return undefined;
  if (precision === 'q8') return exact8;
  if (precision === 'auto' && (type === 'F32' || type === 'F16' || type === 'BF16' || type === 'F64')) return undefined;
  if (isTable) return exact8;
  if (type === 'Q4_0') return exact4;
  return precision === 'q4' || type === 'Q4_1' ? minimum4 : exact8;
}

/**
 * Whether the activations that a matrix reads are to be rounded to 16 bits: in the first and the last block and the
 * head, which carry the most of what rounding to 8 costs in accuracy on SmolLM2 for the time they take (docs/log.md).
 * Matrices of 8 bits are chosen for their accuracy: there, query, key and value, which carry three tenths, are too.
 */
export function isPrecise(config: Config, name: string, { bits }: Packing): boolean {
  const ends = [layerPrefix(0), layerPrefix(config.layers - 1)];
  if (name === headName(config) || ends.some((prefix) => name.startsWith(prefix))) return true;
  return bits === 8 && /self_attn\.[qkv]_proj/.test(name);
}

const rowsAtOnce = 256; // keeps the unpacked rows in the cache

/**
 * The packed values of matrices [out, inner] of one inner size, stacked along `out`, under the inputs of `name`.
 * @throws CriaError naming a matrix that holds values that are not finite.
 */
export function packMatrices(
  checkpoint: Checkpoint,
  parts: readonly { readonly name: string; readonly out: number }[],
  inner: number,
  packing: Packing,
  name: string,
): Record<string, Value> {
  const total = parts.reduce((sum, part) => sum + part.out, 0);
  const blocks = inner / packing.block;
  const packed: PackedRows = {
    codes: new Uint8Array((total * inner * packing.bits) / 8),
    scales: new Float32Array(total * blocks),
    minimums: packing.minimums ? new Float32Array(total * blocks) : undefined,
  };
  let row = 0;
  for (const part of parts) {
    const type = checkpoint.tensors.get(part.name)?.type;
    for (let from = 0; from < part.out; from += rowsAtOnce) {
      const rows = [from, Math.min(part.out, from + rowsAtOnce)] as const;
      const first = (row + from) * blocks;
      if (type === 'Q8_0' && packing.bits === 8) {
        copyQ8(checkpoint.readBytes(part.name, { rows }), packed, first);
      } else if (type === 'Q4_0' && packing.bits === 4) {
        copyQ4(checkpoint.readBytes(part.name, { rows }), packed, first, 18);
      } else if (type === 'Q4_1' && packing.minimums) {
        copyQ4(checkpoint.readBytes(part.name, { rows }), packed, first, 20);
      } else if (type === 'Q4_1' && packing.bits === 8) {
        widenQ41(checkpoint.readBytes(part.name, { rows }), packed, first);
      } else {
        const values = checkpoint.readFloat32(part.name, { rows });
        (packing.bits === 8 ? quantize8 : quantize4)(values, packed, first);
      }
    }
    row += part.out;
  }
  // seen here, because the kernels lose a NaN where they round activations
  if (![packed.scales, packed.minimums].every((each) => !each || allFinite(each))) {
    const names = parts.map((part) => part.name);
    throw nonFinite(checkpoint, stackedName(names), names);
  }
  const names = packedNames(name);
  const { minimums } = packed;
  const rows = minimums ? minimumsAsColumns({ ...packed, minimums }, total, inner) : { ...packed, zeros: undefined };
  const wide = rows.scales.length / total;
  return {
    [names.codes]: value('u8', [total, wide, (packing.block * packing.bits) / 8], rows.codes),
    [names.scales]: value('f32', [total, wide], rows.scales),
    ...(rows.zeros ? { [names.zeros]: value('u8', [total, Math.ceil(wide / 2)], rows.zeros) } : {}),
  };
}

interface PackedRows {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  /** Of each block of each row: what its code 0 stands for. */
  readonly minimums: Float32Array | undefined;
}

/** Q8_0 as it is: its signed codes shifted to unsigned ones. */
function copyQ8(bytes: Uint8Array, into: PackedRows, first: number): void {
  for (let b = 0, at = 0; at < bytes.length; b++, at += 34) {
    into.scales[first + b] = readHalf(bytes, at);
    const to = (first + b) * 32;
    for (let i = 0; i < 32; i++) into.codes[to + i] = (bytes[at + 2 + i] as number) ^ 0x80;
  }
}

/** Q4_0 (18 bytes a block) or Q4_1 (20, with a minimum) as it is; GGUF pairs elements 16 apart, the kernel neighbours. */
function copyQ4(bytes: Uint8Array, into: PackedRows, first: number, size: 18 | 20): void {
  for (let b = 0, at = 0; at < bytes.length; b++, at += size) {
    const scale = readHalf(bytes, at);
    into.scales[first + b] = scale;
    if (into.minimums) into.minimums[first + b] = size === 20 ? readHalf(bytes, at + 2) : -8 * scale;
    const [from, to] = [at + size - 16, (first + b) * 16];
    for (let i = 0; i < 16; i += 2) {
      const [x, y] = [bytes[from + i] as number, bytes[from + i + 1] as number];
      into.codes[to + i / 2] = (x & 15) | ((y & 15) << 4);
      into.codes[to + 8 + i / 2] = (x >> 4) | (y & 0xf0);
    }
  }
}

const levels = new Uint8Array(16);

/** Q4_1 at 8 bits: each of a block's 16 levels is rounded once. */
function widenQ41(bytes: Uint8Array, into: PackedRows, first: number): void {
  for (let b = 0, at = 0; at < bytes.length; b++, at += 20) {
    const [step, minimum] = [readHalf(bytes, at), readHalf(bytes, at + 2)];
    const scale = Math.max(Math.abs(minimum), Math.abs(minimum + 15 * step)) / 127;
    into.scales[first + b] = scale;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let q = 0; q < 16; q++) levels[q] = Math.round((minimum + q * step) * inverse) + 128;
    const to = (first + b) * 32;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i] as number;
      into.codes[to + i] = levels[pair & 15] as number;
      into.codes[to + 16 + i] = levels[pair >> 4] as number;
    }
  }
}

/** Rounds each block to 255 levels, symmetric about 0. */
function quantize8(values: Float32Array, into: PackedRows, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += 32) {
    let largest = 0;
    for (let i = at; i < at + 32; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    into.scales[first + b] = largest / 127;
    const inverse = largest === 0 ? 0 : 127 / largest;
    const to = (first + b) * 32;
    for (let i = 0; i < 32; i++) into.codes[to + i] = Math.round((values[at + i] as number) * inverse) + 128;
  }
}

/** Rounds each block to 16 levels between its extremes. */
function quantize4(values: Float32Array, into: PackedRows, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += 32) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = at; i < at + 32; i++) {
      low = Math.min(low, values[i] as number);
      high = Math.max(high, values[i] as number);
    }
    const step = (high - low) / 15;
    const inverse = step === 0 ? 0 : 1 / step;
    const code = (i: number) => Math.round(((values[at + i] as number) - low) * inverse);
    into.scales[first + b] = step;
    if (into.minimums) into.minimums[first + b] = low;
    const to = (first + b) * 16;
    for (let i = 0; i < 16; i++) into.codes[to + i] = code(2 * i) | (code(2 * i + 1) << 4);
  }
}
