import { allFinite, CriaError } from '../../base/index.ts';
import {
  type BlockType,
  type Checkpoint,
  type IntegerForm,
  integerForms,
  readHalf,
  type StoredType,
  type UniformCodes,
} from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { headName, layerPrefix } from '../architecture/names.ts';
import { nonFinite } from './finite.ts';
import { minimumsAsColumns, type RowsWithMinimums } from './minimums.ts';
import { newArrays, type Room } from './room.ts';
import { blocksInRow, type Packing, packedNames, stackedName } from './weights.ts';

/** In which precision weights are held: as the file suggests, or as asked. */
export const precisions = ['auto', 'f32', 'q8', 'q4'] as const;
export type Precision = (typeof precisions)[number];

const block = 32; // of what is rounded here; what a file holds as blocks keeps its own

const minimum4: Packing = { bits: 4, block, minimums: true, wideActivations: false };
const exact8: Packing = { bits: 8, block, minimums: false, wideActivations: false };

/** How a matrix is packed without rounding; undefined where it is neither in blocks nor on grids of whole blocks. */
export function exactPacking({ tensors, quantization }: Checkpoint, name: string): Packing | undefined {
  const held = quantization?.matrices.get(name);
  if (held?.grid) {
    const { bits, group, grid } = held;
    if ((bits !== 4 && bits !== 8) || group % block !== 0) return undefined;
    return { bits, block, minimums: !grid.symmetric, wideActivations: false };
  }
  const form = formOf(tensors.get(name)?.type);
  return form && { bits: form.bits, block: form.group, minimums: form.minimums, wideActivations: false };
}

/**
 * How a matrix is packed. `auto` keeps float weights in float32 and quantized ones as the integers that they are: in 4 or 8
 * bits, in blocks of 16 or 32, exactly but for a last digit of minimums. What is asked for in other bits than it has is
 * rounded, and so is a table that is looked up by rows unless it has 8 bits and no minimums.
 */
export function packingFor(
  precision: Precision,
  exact: Packing | undefined,
  inner: number,
  isTable: boolean,
): Packing | undefined {
  if (precision === 'f32' || inner % block !== 0) return undefined;
  if (precision === 'auto' && !exact) return undefined;
  if (isTable || precision === 'q8') return exact?.bits === 8 && !exact.minimums ? exact : exact8;
  return exact && (precision === 'auto' || exact.bits === 4) ? exact : minimum4;
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

const rowsAtOnce = 256; // keeps what is read in the cache

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
  room: Room = newArrays,
): Record<string, Value> {
  const { bits, minimums } = packing;
  const total = parts.reduce((sum, part) => sum + part.out, 0);
  const wide = blocksInRow(inner, packing);
  const packed: RowsWithMinimums = {
    codes: room.bytes((total * wide * packing.block * bits) / 8),
    scales: room.floats(total * wide),
    minimums: new Float32Array(minimums ? total * wide : 0),
  };
  let first = 0; // block of the row
  for (const part of parts) {
    const codes = checkpoint.quantization?.matrices.get(part.name)?.grid && checkpoint.readCodes?.(part.name);
    if (codes?.kind === 'uniform' && samePacking(exactPacking(checkpoint, part.name), packing)) {
      first = unpackUniform(checkpoint, part.name, codes, packing, packed, first);
      continue;
    }
    const stored = checkpoint.tensors.get(part.name);
    const form = formOf(stored?.type);
    const isExact = form?.bits === bits && form.group === packing.block && form.minimums === minimums;
    const atOnce = Math.min(part.out, rowsAtOnce);
    const unpack = isExact ? form.unpack : stored?.type === 'Q4_1' && bits === 8 && !minimums ? widenQ41 : undefined;
    const read = new Uint8Array(unpack && stored ? (atOnce * stored.bytes) / part.out : 0);
    const floats = new Float32Array(unpack ? 0 : atOnce * inner);
    for (let from = 0; from < part.out; from += rowsAtOnce) {
      const rows = [from, Math.min(part.out, from + rowsAtOnce)] as const;
      const count = rows[1] - from;
      if (unpack) {
        const bytes = checkpoint.readBytes(part.name, { rows, room: read });
        const size = bytes.length / count;
        for (let i = 0; i < count; i++, first += wide) {
          unpack(bytes.subarray(i * size, (i + 1) * size), packed, first);
        }
      } else {
        const values = checkpoint.readFloat32(part.name, { rows, into: floats.subarray(0, count * inner) });
        const quantize = bits === 8 ? quantize8 : quantize4;
        for (let i = 0; i < count; i++, first += wide) {
          quantize(values.subarray(i * inner, (i + 1) * inner), packed, first);
        }
      }
    }
  }
  const zeros = minimums ? minimumsAsColumns(packed, total, inner, packing) : undefined;
  // seen here, because the kernels lose a NaN where they round activations
  if (!allFinite(packed.scales)) {
    const names = parts.map((part) => part.name);
    throw nonFinite(checkpoint, stackedName(names), names);
  }
  const names = packedNames(name);
  return {
    [names.codes]: value('u8', [total, wide, (packing.block * bits) / 8], packed.codes),
    [names.scales]: value('f32', [total, wide], packed.scales),
    ...(zeros ? { [names.zeros]: value('u8', [total, zeros.length / total], zeros) } : {}),
  };
}

const samePacking = (a: Packing | undefined, b: Packing): boolean =>
  a?.bits === b.bits && a.block === b.block && a.minimums === b.minimums;

/** Codes on uniform grids, each group's scale and zero given to its blocks; returns the block behind the last row. */
function unpackUniform(
  checkpoint: Checkpoint,
  name: string,
  { out, inner, codes, scales, zeros, group }: UniformCodes,
  packing: Packing,
  into: RowsWithMinimums,
  first: number,
): number {
  const { bits, minimums } = packing;
  const wide = blocksInRow(inner, packing);
  const middle = 2 ** (bits - 1);
  const other = minimums ? undefined : zeros.find((zero) => zero !== middle);
  if (other !== undefined) {
    const what = `has a zero of ${other} where config.json says that all are ${middle}`;
    throw new CriaError(what, { where: `${checkpoint.path}: ${name}`, remedy: 'its quantization_config is wrong' });
  }
  for (let row = 0; row < out; row++) {
    const block0 = first + row * wide;
    for (let b = 0; b < inner / block; b++) {
      const cell = row * (inner / group) + Math.floor((b * block) / group);
      const scale = scales[cell] as number;
      into.scales[block0 + b] = scale;
      if (minimums) into.minimums[block0 + b] = -(zeros[cell] as number) * scale;
    }
    const own = codes.subarray(row * inner, (row + 1) * inner);
    const to = (block0 * block * bits) / 8;
    if (bits === 8) into.codes.set(own, to);
    else for (let i = 0; i < inner; i += 2) into.codes[to + i / 2] = (own[i] as number) | ((own[i + 1] as number) << 4);
  }
  return first + out * wide;
}

/** The integers that a stored type is, where it is in blocks. */
function formOf(type: StoredType | undefined): IntegerForm | undefined {
  return type !== undefined && type in integerForms ? integerForms[type as BlockType] : undefined;
}

const levels = new Uint8Array(16);

/** Q4_1 at 8 bits: each of a block's 16 levels is rounded once. */
function widenQ41(bytes: Uint8Array, { codes, scales }: RowsWithMinimums, first: number): void {
  for (let b = first, at = 0; at < bytes.length; b++, at += 20) {
    const step = readHalf(bytes, at);
    const minimum = readHalf(bytes, at + 2);
    const scale = Math.max(Math.abs(minimum), Math.abs(minimum + 15 * step)) / 127;
    scales[b] = scale;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let q = 0; q < 16; q++) levels[q] = Math.round((minimum + q * step) * inverse) + 128;
    const to = b * block;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i] as number;
      codes[to + i] = levels[pair & 15] as number;
      codes[to + 16 + i] = levels[pair >> 4] as number;
    }
  }
}

/** Rounds each block to 255 levels, symmetric about 0. */
function quantize8(values: Float32Array, { codes, scales }: RowsWithMinimums, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += block) {
    let largest = 0;
    for (let i = at; i < at + block; i++) {
      const size = Math.abs(values[i] as number);
      if (size > largest || Number.isNaN(size)) largest = size; // NaN stays: nothing is larger
    }
    scales[first + b] = largest / 127;
    const inverse = largest === 0 ? 0 : 127 / largest;
    const to = (first + b) * block;
    for (let i = 0; i < block; i++) codes[to + i] = (values[at + i] as number) * inverse + 128.5; // cut off: rounded
  }
}

/** Rounds each block to 16 levels between its extremes. */
function quantize4(values: Float32Array, { codes, scales, minimums }: RowsWithMinimums, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += block) {
    let low = values[at] as number;
    let high = low;
    for (let i = at + 1; i < at + block; i++) {
      const value = values[i] as number;
      if (value < low || Number.isNaN(value)) low = value;
      if (value > high) high = value;
    }
    const step = (high - low) / 15;
    const inverse = step === 0 ? 0 : 1 / step;
    scales[first + b] = step;
    minimums[first + b] = low;
    for (let i = at, to = (first + b) * 16; i < at + block; i += 2, to++) {
      const one = (((values[i] as number) - low) * inverse + 0.5) | 0;
      const next = (((values[i + 1] as number) - low) * inverse + 0.5) | 0;
      codes[to] = one | (next << 4);
    }
  }
}
