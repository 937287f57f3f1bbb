import { allFinite } from '../../base/index.ts';
import type { Checkpoint } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import { nonFinite } from './finite.ts';
import { newArrays, type Room } from './room.ts';
import { rowBuffer } from './row-buffer.ts';
import { rowFiller } from './row-filler.ts';
import { blocksInRow, type Packing, packedNames, stackedName } from './weights.ts';

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
  const { bits, block, minimums } = packing;
  const total = parts.reduce((sum, part) => sum + part.out, 0);
  const wide = blocksInRow(inner, packing);
  const [codeBytes, zeroBytes] = [(wide * block * bits) / 8, minimums ? Math.ceil((wide * bits) / 8) : 0];
  const codes = room.bytes(total * codeBytes);
  const scales = room.floats(total * wide);
  const zeros = room.bytes(total * zeroBytes);
  const storedBytes = Math.max(...parts.map(({ name, out }) => (checkpoint.tensors.get(name)?.bytes ?? 0) / out));
  const buffer = rowBuffer(Math.max(...parts.map(({ out }) => out)), inner, storedBytes, packing);
  let first = 0; // row of the stack
  for (const part of parts) {
    const fill = rowFiller(checkpoint, part.name, inner, packing, buffer);
    for (let from = 0; from < part.out; from += buffer.rows) {
      const count = Math.min(buffer.rows, part.out - from);
      fill(from, count);
      if (minimums) buffer.storeMinimums(count);
      codes.set(buffer.codes.subarray(0, count * codeBytes), first * codeBytes);
      scales.set(buffer.scales.subarray(0, count * wide), first * wide);
      zeros.set(buffer.zeros.subarray(0, count * zeroBytes), first * zeroBytes);
      first += count;
    }
  }
  // seen here, because the kernels lose a NaN where they round activations
  if (!allFinite(scales)) {
    const names = parts.map((part) => part.name);
    throw nonFinite(checkpoint, stackedName(names), names);
  }
  const names = packedNames(name);
  return {
    [names.codes]: value('u8', [total, wide, (block * bits) / 8], codes),
    [names.scales]: value('f32', [total, wide], scales),
    ...(minimums ? { [names.zeros]: value('u8', [total, zeroBytes], zeros) } : {}),
  };
}
