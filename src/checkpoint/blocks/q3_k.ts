import { blockFormat } from './format.ts';
import { readHalf } from './half.ts';

/**
 * Q3_K: 16 groups of 16 weights, weight = scale * (s - 32) * (q - 4). 110 bytes: 32 bytes of third bits (weight i's
 * is bit i / 32 of byte i % 32), 64 bytes of lower bits as in Q2_K, 12 bytes of 6-bit s, scale.
 */
export const q3_k = blockFormat(256, 110, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const shift = group & 6;
    const plane = group >> 1;
    const high = at + ((group & 1) << 4);
    const codes = at + 32 + ((group >> 3) << 5) + ((group & 1) << 4);
    const step = scale * (q3Scale(bytes, at + 96, group) - 32);
    for (let i = 0; i < 16; i++) {
      const third = (((bytes[high + i] as number) >> plane) & 1) << 2;
      into[to++] = step * ((((bytes[codes + i] as number) >> shift) & 3) + third - 4);
    }
  }
});

/** Group's 6-bit scale: its low four bits are in bytes 0 to 7, its high two in bytes 8 to 11. */
export function q3Scale(bytes: Uint8Array, at: number, group: number): number {
  const low = ((bytes[at + (group & 7)] as number) >> (group < 8 ? 0 : 4)) & 15;
  const high = ((bytes[at + 8 + (group & 3)] as number) >> (2 * (group >> 2))) & 3;
  return low | (high << 4);
}
