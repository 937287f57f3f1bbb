import { blockFormat } from './format.ts';
import { readHalf } from './half.ts';

/**
 * Q2_K: 16 groups of 16 weights, weight = scale * s * q - minimum * m. 84 bytes: 16 bytes of s (low half) and m
 * (high half), 64 bytes of 2-bit q, scale, minimum. Each 32 bytes of q hold 128 weights, 32 to a pair of bits.
 */
export const q2_k = blockFormat(256, 84, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at + 80);
  const minimum = readHalf(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const shift = group & 6; // 2 * (group / 2 modulo 4)
    const codes = at + 16 + ((group >> 3) << 5) + ((group & 1) << 4);
    const pair = bytes[at + group] as number;
    const step = scale * (pair & 15);
    const offset = minimum * (pair >> 4);
    for (let i = 0; i < 16; i++) into[to++] = step * (((bytes[codes + i] as number) >> shift) & 3) - offset;
  }
});
