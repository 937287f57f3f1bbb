import { blockFormat } from './format.ts';
import { readMinimum, readScale, writeScales } from './group-scales.ts';
import { readHalf, writeHalf } from './half.ts';
import { clamp, nearest } from './rounding.ts';

const f32 = Math.fround;
const groupSize = 32;

/**
 * Q4_K: 8 groups of 32 weights, weight = scale * s * q - minimum * m. 144 bytes: scale, minimum, 12 bytes of s and m,
 * 128 bytes of codes: each 32 bytes hold two groups, the first in the low halves.
 */
export const q4_k = blockFormat(
  256,
  144,
  (bytes, at, into, to) => {
    const scale = readHalf(bytes, at);
    const minimum = readHalf(bytes, at + 2);
    for (let group = 0; group < 8; group++) {
      const step = scale * readScale(bytes, at + 4, group);
      const offset = minimum * readMinimum(bytes, at + 4, group);
      const codes = at + 16 + ((group >> 1) << 5);
      const shift = (group & 1) << 2;
      for (let i = 0; i < groupSize; i++) into[to++] = step * (((bytes[codes + i] as number) >> shift) & 15) - offset;
    }
  },
  (values, from, into, at) => {
    const codes = new Uint8Array(256);
    const steps = new Float32Array(8);
    const offsets = new Float32Array(8);
    for (let group = 0; group < 8; group++) {
      const start = group * groupSize;
      const fit = fitGroup(values.subarray(from + start, from + start + groupSize), codes.subarray(start));
      [steps[group], offsets[group]] = [fit.step, fit.offset];
    }

    // A step can come out negative, and then wraps around as the reference's uint8 does.
    const [largestStep, largestOffset] = [Math.max(0, ...steps), Math.max(0, ...offsets)];
    const sixBits = (list: Float32Array, largest: number) => {
      const inverse = largest > 0 ? f32(63 / largest) : 0;
      return Uint8Array.from(list, (value) => Math.min(63, nearest(f32(inverse * value)) & 255));
    };
    const scale = writeHalf(f32(largestStep / 63), into, at);
    const minimum = writeHalf(f32(largestOffset / 63), into, at + 2);
    const scales = sixBits(steps, largestStep);
    const minima = sixBits(offsets, largestOffset);
    writeScales(scales, minima, into, at + 4);

    for (let group = 0; group < 8; group++) {
      const step = f32(scale * (scales[group] as number));
      if (step === 0) continue; // the codes of the fit stay
      const offset = f32(minimum * (minima[group] as number));
      for (let i = group * groupSize; i < (group + 1) * groupSize; i++) {
        codes[i] = clamp(nearest(f32(f32((values[from + i] as number) + offset) / step)), 0, 15);
      }
    }
    for (let i = 0; i < 128; i++) {
      const first = ((i >> 5) << 6) + (i & 31);
      into[at + 16 + i] = (codes[first] as number) | ((codes[first + 32] as number) << 4);
    }
  },
);

/**
 * Fits x ≈ step * code - offset with codes 0 to 15 and offset >= 0, weighting large values: 21 inverse steps around
 * the one that spans the range are tried, each followed by weighted least squares. Sets `codes`.
 * (make_qkx2_quants of ggml; float32 arithmetic in its order, so that the bytes agree.)
 */
function fitGroup(x: Float32Array, codes: Uint8Array): { step: number; offset: number } {
  const weights = groupWeights(x);
  let [minimum, maximum, sumW, sumX] = [x[0] as number, x[0] as number, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [value, weight] = [x[i], weights[i]] as [number, number];
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    sumW = f32(sumW + weight);
    sumX = f32(sumX + f32(weight * value));
  }
  if (minimum > 0) minimum = 0;
  if (maximum === minimum) {
    codes.fill(0, 0, x.length);
    return { step: 0, offset: -minimum };
  }

  const encode = (inverse: number, into: Uint8Array) => {
    for (let i = 0; i < x.length; i++) {
      into[i] = clamp(nearest(f32(inverse * f32((x[i] as number) - minimum))), 0, 15);
    }
  };
  const errorOf = (candidate: Uint8Array, step: number, low: number): number => {
    let error = 0;
    for (let i = 0; i < x.length; i++) {
      const difference = f32(f32(f32(step * (candidate[i] as number)) + low) - (x[i] as number));
      error = f32(error + f32((weights[i] as number) * f32(difference * difference)));
    }
    return error;
  };

  const inverse = f32(15 / f32(maximum - minimum));
  let step = f32(1 / inverse);
  encode(inverse, codes);
  let best = errorOf(codes, step, minimum);
  const tried = new Uint8Array(x.length);
  for (let attempt = 0; attempt <= 20; attempt++) {
    const levels = f32(f32(-1 + f32(f32(0.1) * attempt)) + 15);
    encode(f32(levels / f32(maximum - minimum)), tried); // from the minimum of the best fit so far
    const fit = leastSquares(x, weights, tried, sumW, sumX);
    if (!fit) continue;
    const error = errorOf(tried, fit.step, fit.low);
    if (error < best) {
      codes.set(tried);
      best = error;
      step = fit.step;
      minimum = fit.low;
    }
  }
  return { step, offset: -minimum };
}

/** |x| + the root mean square of the group. */
function groupWeights(x: Float32Array): Float32Array {
  let sum = 0;
  for (const value of x) sum = f32(sum + f32(value * value));
  const rms = f32(Math.sqrt(f32(sum / x.length)));
  return x.map((value) => rms + Math.abs(value));
}

/** The weighted least squares of x ≈ step * code + low with low <= 0, or undefined where it has no solution. */
function leastSquares(
  x: Float32Array,
  weights: Float32Array,
  codes: Uint8Array,
  sumW: number,
  sumX: number,
): { step: number; low: number } | undefined {
  let [sumL, sumL2, sumXL] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const code = codes[i] as number;
    const weighted = f32((weights[i] as number) * code);
    sumL = f32(sumL + weighted);
    sumL2 = f32(sumL2 + f32(weighted * code));
    sumXL = f32(sumXL + f32(weighted * (x[i] as number)));
  }
  const determinant = f32(f32(sumW * sumL2) - f32(sumL * sumL));
  if (!(determinant > 0)) return undefined;
  const low = f32(f32(f32(sumL2 * sumX) - f32(sumL * sumXL)) / determinant);
  if (low > 0) return { step: f32(sumXL / sumL2), low: 0 };
  return { step: f32(f32(f32(sumW * sumXL) - f32(sumX * sumL)) / determinant), low };
}
