import { blockFormat } from './format.ts';
import { readHalf } from './half.ts';

/**
 * Q5_0: weight = scale * (q - 16), 32 weights in 22 bytes: the scale, 32 fifth bits, then the lower four bits as in
 * Q4_0.
 */
export const q5_0 = blockFormat(32, 22, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at);
  const high = readBits(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i] as number;
    into[to + i] = scale * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
    into[to + 16 + i] = scale * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
  }
});

/** Q5_1: weight = scale * q + minimum, 32 weights in 24 bytes: scale, minimum, fifth bits, lower bits. */
export const q5_1 = blockFormat(32, 24, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at);
  const minimum = readHalf(bytes, at + 2);
  const high = readBits(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i] as number;
    into[to + i] = scale * ((pair & 15) | (((high >>> i) & 1) << 4)) + minimum;
    into[to + 16 + i] = scale * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + minimum;
  }
});

/** 32 bits, the first weight's in the lowest place. */
function readBits(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return a | (b << 8) | (c << 16) | (d << 24);
}
