import { blockFormat } from './format.ts';
import { writeHalf } from './half.ts';
import { largest } from './rounding.ts';

const f32 = Math.fround;

/** Q8_0: weight = scale * q, 32 weights in 34 bytes: the scale, then 32 signed bytes. */
export const q8_0 = blockFormat('Q8_0', (values, from, into, at) => {
  const scale = f32(Math.abs(largest(values, from, 32)) / 127);
  const inverse = scale ? f32(1 / scale) : 0;
  writeHalf(scale, into, at);
  for (let i = 0; i < 32; i++) {
    const level = f32((values[from + i] as number) * inverse);
    into[at + 2 + i] = level < 0 ? -Math.floor(0.5 - level) : Math.floor(level + 0.5); // ties away from zero
  }
});
