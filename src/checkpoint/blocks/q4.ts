import { blockFormat } from './format.ts';
import { readHalf, writeHalf } from './half.ts';
import { extremes, largest } from './rounding.ts';

const f32 = Math.fround;

/**
 * Q4_0: weight = scale * (q - 8), 32 weights in 18 bytes: the scale, then 16 bytes whose low halves are the first
 * 16 weights and whose high halves are the rest.
 */
export const q4_0 = blockFormat(
  32,
  18,
  (bytes, at, into, to) => {
    const scale = readHalf(bytes, at);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 2 + i] as number;
      into[to + i] = scale * ((pair & 15) - 8);
      into[to + 16 + i] = scale * ((pair >> 4) - 8);
    }
  },
  (values, from, into, at) => {
    const scale = f32(largest(values, from, 32) / -8);
    const inverse = scale ? f32(1 / scale) : 0;
    writeHalf(scale, into, at);
    const code = (value: number) => Math.min(15, f32(f32(value * inverse) + 8.5) | 0);
    packHalves(values, from, code, into, at + 2);
  },
);

/** Q4_1: weight = scale * q + minimum, 32 weights in 20 bytes: scale, minimum, then 4-bit codes as in Q4_0. */
export const q4_1 = blockFormat(
  32,
  20,
  (bytes, at, into, to) => {
    const scale = readHalf(bytes, at);
    const minimum = readHalf(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i] as number;
      into[to + i] = scale * (pair & 15) + minimum;
      into[to + 16 + i] = scale * (pair >> 4) + minimum;
    }
  },
  (values, from, into, at) => {
    const { minimum, maximum } = extremes(values, from, 32);
    const scale = f32(f32(maximum - minimum) / 15);
    const inverse = scale ? f32(1 / scale) : 0;
    writeHalf(scale, into, at);
    writeHalf(minimum, into, at + 2);
    const code = (value: number) => Math.min(15, f32(f32(f32(value - minimum) * inverse) + 0.5) | 0);
    packHalves(values, from, code, into, at + 4);
  },
);

function packHalves(
  values: Float32Array,
  from: number,
  code: (value: number) => number,
  into: Uint8Array,
  at: number,
): void {
  for (let i = 0; i < 16; i++) {
    into[at + i] = code(values[from + i] as number) | (code(values[from + 16 + i] as number) << 4);
  }
}
