import type { BlockType } from '../types.ts';
import { blockFormat } from './format.ts';
import { writeHalf } from './half.ts';
import { integerForms } from './integers.ts';
import { extremes, largest } from './rounding.ts';

const f32 = Math.fround;
const noMinimum = { minimum: 0, maximum: 0 };

/** Q4_0: weight = scale * (q - 8), 32 weights in 18 bytes. */
export const q4_0 = halves('Q4_0', 4);
/** Q4_1: weight = scale * q + minimum, 20 bytes. */
export const q4_1 = halves('Q4_1', 4);
/** Q5_0: weight = scale * (q - 16), 22 bytes. */
export const q5_0 = halves('Q5_0', 5);
/** Q5_1: weight = scale * q + minimum, 24 bytes. */
export const q5_1 = halves('Q5_1', 5);

/**
 * 32 weights of one scale: the scale, of types with minimums the minimum, at 5 bits the fifth bits of all weights, then 16 bytes
 * whose low halves are the first 16 weights and whose high halves are the rest.
 */
function halves(type: BlockType, bits: 4 | 5) {
  const { minimums } = integerForms[type];
  const fifths = minimums ? 4 : 2;
  const codes = fifths + (bits === 5 ? 4 : 0);
  const levels = 2 ** bits - 1;
  const zero = minimums ? 0 : 2 ** (bits - 1);
  return blockFormat(type, (values, from, into, at) => {
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
  });
}
