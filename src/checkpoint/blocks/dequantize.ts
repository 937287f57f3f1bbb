import { kernelMemory } from '../../base/index.ts';
import type { BlockType } from '../types.ts';
import { integerForms, openUnpackers } from './integers.ts';

const atOnce = 2 ** 16; // weights: they stay in the cache
const stored = 2 * atOnce; // bytes of the longest blocks of so many, and more
const memory = { codes: stored, scales: stored + atOnce, minimums: stored + 2 * atOnce, bytes: stored + 3 * atOnce };

let opened: { readonly unpack: ReturnType<typeof openUnpackers>; readonly buffer: ArrayBuffer } | undefined;

function withUnpackers() {
  const made = kernelMemory(memory.bytes);
  return { unpack: openUnpackers(made), buffer: made.buffer };
}

/** Whole blocks to weights, rounded to float32 once. */
export function dequantize(type: BlockType, bytes: Uint8Array, into: Float32Array): void {
  opened ??= withUnpackers();
  const { unpack, buffer } = opened;
  const { bits, group, minimums: hasMinimums, elements, bytes: size } = integerForms[type];
  const [all, codes] = [new Uint8Array(buffer), new Uint8Array(buffer, memory.codes)];
  const [scales, minimums] = [new Float32Array(buffer, memory.scales), new Float32Array(buffer, memory.minimums)];
  const middle = hasMinimums ? 0 : 2 ** (bits - 1);
  for (let first = 0, at = 0; first < into.length; first += atOnce, at += (atOnce / elements) * size) {
    const count = Math.min(atOnce, into.length - first);
    const last = (count / elements) * size;
    all.set(bytes.subarray(at, at + last));
    unpack[type](0, last, memory.codes, memory.scales, memory.minimums);
    for (let i = 0; i < count; i++) {
      const code = bits === 8 ? (codes[i] as number) : ((codes[i >> 1] as number) >> ((i & 1) << 2)) & 15;
      const at = (i / group) | 0;
      const value = (scales[at] as number) * (code - middle);
      into[first + i] = hasMinimums ? value + (minimums[at] as number) : value;
    }
  }
}
