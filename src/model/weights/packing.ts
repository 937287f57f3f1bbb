import { allFinite } from '../../base/index.ts';
import {
  type BlockType,
  type Checkpoint,
  type IntegerForm,
  integerForms,
  type StoredType,
} from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { headName, layerPrefix } from '../architecture/names.ts';
import { nonFinite } from './finite.ts';
import { minimumsAsColumns, type RowsWithMinimums } from './minimums.ts';
import { blocksInRow, type Packing, packedNames, stackedName } from './weights.ts';

/** In which precision weights are held: as the file suggests, or as asked. */
export const precisions = ['auto', 'f32', 'q8', 'q4'] as const;
export type Precision = (typeof precisions)[number];

const block = 32; // of what is rounded here; what a file holds as blocks keeps its own

const minimum4: Packing = { bits: 4, block, minimums: true, wideActivations: false };
const exact8: Packing = { bits: 8, block, minimums: false, wideActivations: false };

/** How a block type is packed without rounding; undefined where it is not in blocks. */
function exactPacking(type: StoredType): Packing | undefined {
  const form = formOf(type);
  return form && { bits: form.bits, block: form.group, minimums: form.minimums, wideActivations: false };
}

/**
 * How a matrix is packed. `auto` keeps float weights in float32 and quantized ones as the integers that they are: in 4 or 8
 * bits, in blocks of 16 or 32, exactly but for a last digit of minimums. What is asked for in other bits than it has is
 * rounded, and so is a table that is looked up by rows unless it has 8 bits and no minimums.
 */
export function packingFor(
  precision: Precision,
  type: StoredType,
  inner: number,
  isTable: boolean,
): Packing | undefined {
  if (precision === 'f32' || inner % block !== 0) return undefined;
  const exact = exactPacking(type);
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
): Record<string, Value> {
  const { bits, minimums } = packing;
  const total = parts.reduce((sum, part) => sum + part.out, 0);
  const wide = blocksInRow(inner, packing);
  const packed: RowsWithMinimums = {
    codes: new Uint8Array((total * wide * packing.block * bits) / 8),
    scales: new Float32Array(total * wide),
    minimums: new Float32Array(minimums ? total * wide : 0),
  };
  let first = 0; // block of the row
  for (const part of parts) {
    const form = formOf(checkpoint.tensors.get(part.name)?.type);
    const isExact = form?.bits === bits && form.group === packing.block && form.minimums === minimums;
    for (let from = 0; from < part.out; from += rowsAtOnce) {
      const rows = [from, Math.min(part.out, from + rowsAtOnce)] as const;
      const count = rows[1] - from;
      if (isExact) {
        const bytes = checkpoint.readBytes(part.name, { rows });
        const size = bytes.length / count;
        for (let i = 0; i < count; i++, first += wide)
          form.unpack(bytes.subarray(i * size, (i + 1) * size), packed, first);
      } else {
        const values = checkpoint.readFloat32(part.name, { rows });
        const quantize = bits === 8 ? quantize8 : quantize4;
        for (let i = 0; i < count; i++, first += wide)
          quantize(values.subarray(i * inner, (i + 1) * inner), packed, first);
      }
    }
  }
  // seen here, because the kernels lose a NaN where they round activations
  if (![packed.scales, packed.minimums].every(allFinite)) {
    const names = parts.map((part) => part.name);
    throw nonFinite(checkpoint, stackedName(names), names);
  }
  const names = packedNames(name);
  const zeros = minimums ? minimumsAsColumns(packed, total, inner, packing) : undefined;
  return {
    [names.codes]: value('u8', [total, wide, (packing.block * bits) / 8], packed.codes),
    [names.scales]: value('f32', [total, wide], packed.scales),
    ...(zeros ? { [names.zeros]: value('u8', [total, zeros.length / total], zeros) } : {}),
  };
}

/** The integers that a stored type is, where it is in blocks. */
function formOf(type: StoredType | undefined): IntegerForm | undefined {
  return type !== undefined && type in integerForms ? integerForms[type as BlockType] : undefined;
}

/** Rounds each block to 255 levels, symmetric about 0. */
function quantize8(values: Float32Array, { codes, scales }: RowsWithMinimums, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += block) {
    let largest = 0;
    for (let i = at; i < at + block; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    scales[first + b] = largest / 127;
    const inverse = largest === 0 ? 0 : 127 / largest;
    const to = (first + b) * block;
    for (let i = 0; i < block; i++) codes[to + i] = (values[at + i] as number) * inverse + 128.5; // cut off: rounded
  }
}

/** Rounds each block to 16 levels between its extremes. */
function quantize4(values: Float32Array, { codes, scales, minimums }: RowsWithMinimums, first: number): void {
  for (let b = 0, at = 0; at < values.length; b++, at += block) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = at; i < at + block; i++) {
      low = Math.min(low, values[i] as number);
      high = Math.max(high, values[i] as number);
    }
    const step = (high - low) / 15;
    const inverse = step === 0 ? 0 : 1 / step;
    const code = (i: number) => Math.round(((values[at + i] as number) - low) * inverse);
    scales[first + b] = step;
    minimums[first + b] = low;
    const to = (first + b) * 16;
    for (let i = 0; i < 16; i++) codes[to + i] = code(2 * i) | (code(2 * i + 1) << 4);
  }
}
