import { blockFormat } from './format.ts';
import { writeScales } from './group-scales.ts';
import { writeHalf } from './half.ts';
import { clamp, nearest } from './rounding.ts';

const f32 = Math.fround;
const groupSize = 32;

/**
 * Q4_K: 8 groups of 32 weights, weight = scale * s * q - minimum * m. 144 bytes: scale, minimum, 12 bytes of s and m,
 * 128 bytes of codes: each 32 bytes hold two groups, the first in the low halves.
 */
export const q4_k = blockFormat('Q4_K', (values, from, into, at, importance) => {
  const codes = new Uint8Array(256);
  const steps = new Float32Array(8);
  const offsets = new Float32Array(8);
  const masses = new Float32Array(8);
  const spread = importance && spreadOf(values.subarray(from, from + 256));
  for (let group = 0; group < 8; group++) {
    const start = group * groupSize;
    const x = values.subarray(from + start, from + start + groupSize);
    const weights = importance
      ? importantWeights(x, importance.subarray(start, start + groupSize), spread as number)
      : groupWeights(x);
    const fit = fitGroup(x, weights, codes.subarray(start), importance ? fineSearch : usualSearch);
    [steps[group], offsets[group], masses[group]] = [fit.step, fit.offset, fit.mass];
  }
  const held = importance
    ? { steps: fitScales(steps, masses), offsets: fitScales(offsets, masses) }
    : { steps: largestScales(steps), offsets: largestScales(offsets) };
  const scale = writeHalf(held.steps.scale, into, at);
  const minimum = writeHalf(held.offsets.scale, into, at + 2);
  const [scales, minima] = [held.steps.codes, held.offsets.codes];
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
});

/** 6-bit codes of a list under one scale. */
interface SixBits {
  readonly scale: number;
  readonly codes: Uint8Array;
}

/** Under the scale that puts the largest at 63. A step can come out negative, and then wraps as the reference's uint8 does. */
function largestScales(list: Float32Array): SixBits {
  const largest = Math.max(0, ...list);
  const inverse = largest > 0 ? f32(63 / largest) : 0;
  const codes = Uint8Array.from(list, (value) => Math.min(63, nearest(f32(inverse * value)) & 255));
  return { scale: f32(largest / 63), codes };
}

/** Inverse steps around the one that spans the range: from `first` levels less or more, `count` + 1 of them. */
interface Search {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

const usualSearch: Search = { first: -1, step: f32(0.1), count: 20 };
const fineSearch: Search = { first: f32(-0.9), step: f32(0.05), count: 36 };

/**
 * Fits x ≈ step * code - offset with codes 0 to 15 and offset >= 0 under weights: inverse steps around the one that spans
 * the range are tried, each followed by weighted least squares. Sets `codes`; `mass` is the sum of the weights.
 * (make_qkx2_quants and make_qkx3_quants of ggml; float32 arithmetic in its order, so that the bytes agree.)
 */
function fitGroup(
  x: Float32Array,
  weights: Float32Array,
  codes: Uint8Array,
  search: Search,
): { step: number; offset: number; mass: number } {
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
    return { step: 0, offset: -minimum, mass: sumW };
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
  for (let attempt = 0; attempt <= search.count; attempt++) {
    const levels = f32(f32(search.first + f32(search.step * attempt)) + 15);
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
  return { step, offset: -minimum, mass: sumW };
}

/** |x| + the root mean square of the group. */
function groupWeights(x: Float32Array): Float32Array {
  let sum = 0;
  for (const value of x) sum = f32(sum + f32(value * value));
  const rms = f32(Math.sqrt(f32(sum / x.length)));
  return x.map((value) => rms + Math.abs(value));
}

/** Twice the mean square of a block. */
function spreadOf(x: Float32Array): number {
  let sum = 0;
  for (const value of x) sum = f32(sum + f32(value * value));
  return f32(f32(2 * sum) / x.length);
}

/** Importance times the root of the spread of the block and the square of the weight. */
function importantWeights(x: Float32Array, importance: Float32Array, spread: number): Float32Array {
  return x.map((value, i) => (importance[i] as number) * f32(Math.sqrt(f32(spread + f32(value * value)))));
}

/**
 * Fits a list >= 0 ≈ scale * code with codes 0 to 63 under weights: nine inverse scales, then codes one by one.
 * (make_qp_quants of ggml, in its order of float32 arithmetic.)
 */
function fitScales(x: Float32Array, weights: Float32Array): SixBits {
  const largest = Math.max(0, ...x);
  const codes = new Uint8Array(x.length);
  if (largest < smallest) return { scale: 0, codes };
  let inverse = f32(63 / largest);
  const errorOf = (candidate: number): number => {
    const scale = f32(1 / candidate);
    let error = 0;
    for (let i = 0; i < x.length; i++) {
      const value = x[i] as number;
      const difference = f32(value - f32(scale * Math.min(63, nearest(f32(candidate * value)))));
      error = f32(error + f32(f32((weights[i] as number) * difference) * difference));
    }
    return error;
  };
  let best = errorOf(inverse);
  for (let attempt = -4; attempt <= 4; attempt++) {
    if (attempt === 0) continue;
    const candidate = f32(f32(f32(f32(0.1) * attempt) + 63) / largest);
    const error = errorOf(candidate);
    if (error < best) [best, inverse] = [error, candidate];
  }
  let [sumXL, sumL2] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const [value, weight] = [x[i] as number, weights[i] as number];
    const code = Math.min(63, nearest(f32(inverse * value)));
    codes[i] = code;
    sumXL = f32(sumXL + f32(f32(weight * value) * code));
    sumL2 = f32(sumL2 + f32(f32(weight * code) * code));
  }
  for (let round = 0; round < 5; round++) {
    let changed = 0;
    for (let i = 0; i < x.length; i++) {
      const [value, weight, code] = [x[i] as number, weights[i] as number, codes[i] as number];
      let restXL = f32(sumXL - f32(f32(weight * value) * code));
      let restL2 = f32(sumL2 - f32(f32(weight * code) * code));
      if (!(restXL > 0 && restL2 > 0)) continue;
      const other = Math.min(63, nearest(f32(f32(value * restL2) / restXL)));
      if (other === code) continue;
      restXL = f32(restXL + f32(f32(weight * value) * other));
      restL2 = f32(restL2 + f32(f32(weight * other) * other));
      if (f32(f32(restXL * restXL) * sumL2) > f32(f32(sumXL * sumXL) * restL2)) {
        codes[i] = other;
        [sumXL, sumL2] = [restXL, restL2];
        changed++;
      }
    }
    if (changed === 0) break;
  }
  return { scale: sumL2 > 0 ? f32(sumXL / sumL2) : 0, codes };
}

const smallest = f32(1e-15); // ggml's GROUP_MAX_EPS

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
