import { blockFormat } from './format.ts';
import { readHalf, writeHalf } from './half.ts';
import { extremes, largest } from './rounding.ts';

const f32 = Math.fround;
const noMinimum = { minimum: 0, maximum: 0 };

/** Q4_0: weight = scale * (q - 8), 32 weights in 18 bytes. */
export const q4_0 = halves(4, false);
/** Q4_1: weight = scale * q + minimum, 20 bytes. */
export const q4_1 = halves(4, true);
/** Q5_0: weight = scale * (q - 16), 22 bytes. */
export const q5_0 = halves(5, false);
/** Q5_1: weight = scale * q + minimum, 24 bytes. */
export const q5_1 = halves(5, true);

/**
 * 32 weights of one scale: the scale, with `minimums` the minimum, at 5 bits the fifth bits of all weights, then 16 bytes
 * whose low halves are the first 16 weights and whose high halves are the rest.
 */
function halves(bits: 4 | 5, minimums: boolean) {
  const fifths = minimums ? 4 : 2;
  const codes = fifths + (bits === 5 ? 4 : 0);
  const levels = 2 ** bits - 1;
  const zero = minimums ? 0 : 2 ** (bits - 1);
  return blockFormat(
    32,
    codes + 16,
    (bytes, at, into, to) => {
      const scale = readHalf(bytes, at);
      const minimum = minimums ? readHalf(bytes, at + 2) : -0;
      const high = bits === 5 ? readBits(bytes, at + fifths) : 0;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + codes + i] as number;
        const first = (pair & 15) | (((high >>> i) & 1) << 4);
        const second = (pair >> 4) | (((high >>> (i + 16)) & 1) << 4);
        into[to + i] = scale * (first - zero) + minimum;
        into[to + 16 + i] = scale * (second - zero) + minimum;
      }
    },
    (values, from, into, at) => {
      const { minimum, maximum } = minimums ? extremes(values, from, 32) : noMinimum;
      const scale = f32(minimums ? f32(maximum - minimum) / levels : largest(values, from, 32) / -zero);
      const inverse = scale ? f32(1 / scale) : 0;
      writeHalf(scale, into, at);
      if (minimums) writeHalf(minimum, into, at + 2);
      const code = (i: number) =>
        Math.min(levels, f32(f32(f32((values[from + i] as number) - minimum) * inverse) + (zero + 0.5)) | 0);
      into.fill(0, at + fifths, at + codes);
      for (let i = 0; i < 16; i++) {
        const [first, second] = [code(i), code(16 + i)];
        into[at + codes + i] = (first & 15) | ((second & 15) << 4);
        if (bits === 4) continue;
        const place = at + fifths + (i >> 3);
        into[place] = (into[place] as number) | ((first >> 4) << (i & 7));
        into[place + 2] = (into[place + 2] as number) | ((second >> 4) << (i & 7));
      }
    },
  );
}

/** 32 bits, the first weight's in the lowest place. */
function readBits(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return a | (b << 8) | (c << 16) | (d << 24);
}
