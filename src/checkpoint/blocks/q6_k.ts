import { blockFormat } from './format.ts';
import { writeHalf } from './half.ts';
import { clamp, largest, nearest } from './rounding.ts';

const f32 = Math.fround;
const groupSize = 16;
const [highAt, scalesAt, scaleAt] = [128, 192, 208];
const smallest = f32(1e-15); // ggml's GROUP_MAX_EPS: a group below it is all zero

/**
 * Q6_K: 16 groups of 16 weights, weight = scale * s * (q - 32) with signed bytes s. 210 bytes: 128 of low four bits,
 * 64 of high two bits, 16 of s, scale. Of each half of 128 weights, 64 low bytes hold weights 0 to 63 in their low
 * halves and 64 to 127 in their high halves; 32 high bytes hold four runs of 32 in pairs of bits.
 */
export const q6_k = blockFormat('Q6_K', (values, from, into, at) => {
  into.fill(0, at, at + 210);
  const codes = new Uint8Array(256);
  const steps = new Float32Array(16);
  for (let group = 0; group < 16; group++) {
    const start = group * groupSize;
    steps[group] = fitGroup(values.subarray(from + start, from + start + groupSize), codes.subarray(start));
  }
  const largestStep = largest(steps, 0, 16);
  if (Math.abs(largestStep) < smallest) return;

  const inverse = f32(-128 / largestStep);
  const scale = writeHalf(f32(1 / inverse), into, at + scaleAt);
  for (let group = 0; group < 16; group++) {
    const groupScale = Math.min(127, nearest(f32(inverse * (steps[group] as number))));
    into[at + scalesAt + group] = groupScale;
    const step = f32(scale * groupScale);
    const { low, lowShift, high, highShift } = places(group);
    for (let i = 0; i < groupSize; i++) {
      const value = values[from + group * groupSize + i] as number;
      // Where the step is zero the codes of the fit stay.
      const code = step ? clamp(nearest(f32(value / step)), -32, 31) + 32 : (codes[group * groupSize + i] as number);
      into[at + low + i] = (into[at + low + i] as number) | ((code & 15) << lowShift);
      into[at + high + i] = (into[at + high + i] as number) | ((code >> 4) << highShift);
    }
  }
});

/** Where the low four and the high two bits of a group's 16 codes are. */
function places(group: number): { low: number; lowShift: number; high: number; highShift: number } {
  const half = group >> 3;
  return {
    low: half * 64 + (group & 3) * groupSize,
    lowShift: group & 4,
    high: highAt + half * 32 + (group & 1) * groupSize,
    highShift: group & 6,
  };
}

/**
 * Fits x ≈ step * (code - 32), weighting by x²: 19 inverse steps around the one that puts the largest value at -32
 * are compared by the variance they explain. Sets `codes`, returns the step.
 * (make_qx_quants of ggml; float32 arithmetic in its order, so that the bytes agree.)
 */
function fitGroup(x: Float32Array, codes: Uint8Array): number {
  const extreme = largest(x, 0, x.length);
  if (Math.abs(extreme) < smallest) return 0;
  const level = (i: number, inverse: number) => clamp(nearest(f32(inverse * (x[i] as number))), -32, 31);

  let [step, best] = [0, 0];
  for (const attempt of attempts) {
    const inverse = f32(-f32(32 + f32(f32(0.1) * attempt)) / extreme);
    let [sumXL, sumL2] = [0, 0];
    for (let i = 0; i < x.length; i++) {
      const value = x[i] as number;
      const code = level(i, inverse);
      const weight = f32(value * value);
      sumXL = f32(sumXL + f32(f32(weight * value) * code));
      sumL2 = f32(sumL2 + f32(f32(weight * code) * code));
    }
    const first = attempt === 0;
    if (!first && !(sumL2 > 0 && f32(sumXL * sumXL) > f32(best * sumL2))) continue;
    for (let i = 0; i < x.length; i++) codes[i] = level(i, inverse) + 32;
    step = sumL2 ? f32(sumXL / sumL2) : 0;
    best = f32(step * sumXL);
  }
  return step;
}

/** The undisturbed step first, then -0.9 to 0.9 more levels. */
const attempts = [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9];
