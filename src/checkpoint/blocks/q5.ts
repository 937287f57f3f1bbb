import { blockFormat } from './format.ts';
import { readHalf, writeHalf } from './half.ts';
import { extremes, largest } from './rounding.ts';

const f32 = Math.fround;

/**
 * Q5_0: weight = scale * (q - 16), 32 weights in 22 bytes: the scale, 32 fifth bits, then the lower four bits as in
 * Q4_0.
 */
export const q5_0 = blockFormat(
  32,
  22,
  (bytes, at, into, to) => {
    const scale = readHalf(bytes, at);
    const high = readBits(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 6 + i] as number;
      into[to + i] = scale * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
      into[to + 16 + i] = scale * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  },
  (values, from, into, at) => {
    const scale = f32(largest(values, from, 32) / -16);
    const inverse = scale ? f32(1 / scale) : 0;
    writeHalf(scale, into, at);
    const code = (value: number) => Math.min(31, f32(f32(value * inverse) + 16.5) | 0);
    packFive(values, from, code, into, at + 2);
  },
);

/** Q5_1: weight = scale * q + minimum, 32 weights in 24 bytes: scale, minimum, fifth bits, lower bits. */
export const q5_1 = blockFormat(
  32,
  24,
  (bytes, at, into, to) => {
    const scale = readHalf(bytes, at);
    const minimum = readHalf(bytes, at + 2);
    const high = readBits(bytes, at + 4);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 8 + i] as number;
      into[to + i] = scale * ((pair & 15) | (((high >>> i) & 1) << 4)) + minimum;
      into[to + 16 + i] = scale * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + minimum;
    }
  },
  (values, from, into, at) => {
    const { minimum, maximum } = extremes(values, from, 32);
    const scale = f32(f32(maximum - minimum) / 31);
    const inverse = scale ? f32(1 / scale) : 0;
    writeHalf(scale, into, at);
    writeHalf(minimum, into, at + 2);
    const code = (value: number) => Math.min(31, f32(f32(f32(value - minimum) * inverse) + 0.5) | 0);
    packFive(values, from, code, into, at + 4);
  },
);

/** 32 bits, the first weight's in the lowest place. */
function readBits(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return a | (b << 8) | (c << 16) | (d << 24);
}

/** Fifth bits in four bytes, then the lower four as in Q4_0. */
function packFive(
  values: Float32Array,
  from: number,
  code: (value: number) => number,
  into: Uint8Array,
  at: number,
): void {
  into.fill(0, at, at + 4);
  for (let i = 0; i < 16; i++) {
    const [first, second] = [code(values[from + i] as number), code(values[from + 16 + i] as number)];
    into[at + 4 + i] = (first & 15) | ((second & 15) << 4);
    into[at + (i >> 3)] = (into[at + (i >> 3)] as number) | ((first >> 4) << (i & 7));
    into[at + 2 + (i >> 3)] = (into[at + 2 + (i >> 3)] as number) | ((second >> 4) << (i & 7));
  }
}
