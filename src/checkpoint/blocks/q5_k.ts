import { blockFormat } from './format.ts';
import { readMinimum, readScale } from './group-scales.ts';
import { readHalf } from './half.ts';

/**
 * Q5_K: 8 groups of 32 weights, weight = scale * s * q - minimum * m. 176 bytes: scale, minimum, 12 bytes of s and m,
 * 32 bytes of fifth bits (bit g of byte i is weight i of group g), 128 bytes of lower bits as in Q4_K.
 */
export const q5_k = blockFormat(256, 176, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at);
  const minimum = readHalf(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const step = scale * readScale(bytes, at + 4, group);
    const offset = minimum * readMinimum(bytes, at + 4, group);
    const codes = at + 48 + ((group >> 1) << 5);
    const shift = (group & 1) << 2;
    for (let i = 0; i < 32; i++) {
      const fifth = (((bytes[at + 16 + i] as number) >> group) & 1) << 4;
      into[to++] = step * ((((bytes[codes + i] as number) >> shift) & 15) | fifth) - offset;
    }
  }
});
