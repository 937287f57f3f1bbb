import { CriaError } from '../../base/index.ts';
import { type Checkpoint, isBlockType, readHalf, type UniformCodes } from '../../checkpoint/index.ts';
import { roundedBlock as block, exactPacking } from './packing.ts';
import type { RowBuffer, RowsWithMinimums } from './row-buffer.ts';
import { blocksInRow, type Packing } from './weights.ts';

/** Writes rows of a matrix, `count` from `from` on, into a buffer as codes, scales and minimums. */
export type RowFiller = (from: number, count: number) => void;

/** How a matrix is brought into a packing: as the integers that it is, or rounded. */
export function rowFiller(
  checkpoint: Checkpoint,
  name: string,
  inner: number,
  packing: Packing,
  buffer: RowBuffer,
): RowFiller {
  const { bits, minimums } = packing;
  const wide = blocksInRow(inner, packing);
  const type = checkpoint.tensors.get(name)?.type;
  const rows = (from: number, count: number) => [from, from + count] as const;
  const readBytes = (from: number, count: number) => {
    return checkpoint.readBytes(name, { rows: rows(from, count), room: buffer.stored });
  };
  const exact = exactPacking(checkpoint, name);
  if (exact?.bits === bits && exact.block === packing.block && exact.minimums === minimums) {
    const codes = checkpoint.quantization?.matrices.get(name)?.grid && checkpoint.readCodes?.(name);
    if (codes?.kind === 'uniform') {
      checkZeros(checkpoint, name, codes, packing);
      return (from, count) => fillUniform(codes, packing, buffer, from, count);
    }
    if (isBlockType(type)) return (from, count) => buffer.unpack(type, readBytes(from, count), count);
  }
  if (type === 'Q4_1' && bits === 8 && !minimums) {
    return (from, count) => {
      const bytes = readBytes(from, count);
      const size = bytes.length / count;
      for (let i = 0; i < count; i++) widenQ41(bytes.subarray(i * size, (i + 1) * size), buffer, i * wide);
    };
  }
  const floats = new Float32Array(buffer.rows * inner);
  const quantize = bits === 8 ? quantize8 : quantize4;
  return (from, count) => {
    const into = floats.subarray(0, count * inner);
    const values = checkpoint.readFloat32(name, { rows: rows(from, count), into });
    for (let i = 0; i < count; i++) quantize(values.subarray(i * inner, (i + 1) * inner), buffer, i * wide);
  };
}

/** @throws CriaError where codes have zeros that the configuration denies. */
function checkZeros(checkpoint: Checkpoint, name: string, { zeros }: UniformCodes, { bits, minimums }: Packing): void {
  const middle = 2 ** (bits - 1);
  const other = minimums ? undefined : zeros.find((zero) => zero !== middle);
  if (other === undefined) return;
  const what = `has a zero of ${other} where config.json says that all are ${middle}`;
  throw new CriaError(what, { where: `${checkpoint.path}: ${name}`, remedy: 'its quantization_config is wrong' });
}

/** Codes on uniform grids, each group's scale and zero given to its blocks. */
function fillUniform(
  { inner, codes, scales, zeros, group }: UniformCodes,
  packing: Packing,
  into: RowsWithMinimums,
  from: number,
  count: number,
): void {
  const { bits, minimums } = packing;
  const wide = blocksInRow(inner, packing);
  for (let i = 0; i < count; i++) {
    const row = from + i;
    for (let b = 0; b < inner / block; b++) {
      const cell = row * (inner / group) + Math.floor((b * block) / group);
      const scale = scales[cell] as number;
      into.scales[i * wide + b] = scale;
      if (minimums) into.minimums[i * wide + b] = -(zeros[cell] as number) * scale;
    }
    const own = codes.subarray(row * inner, (row + 1) * inner);
    const to = (i * wide * block * bits) / 8;
    if (bits === 8) into.codes.set(own, to);
    else
      for (let at = 0; at < inner; at += 2)
        into.codes[to + at / 2] = (own[at] as number) | ((own[at + 1] as number) << 4);
  }
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
