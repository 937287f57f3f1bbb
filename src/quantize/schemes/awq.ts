import { throwIfAborted } from '../../base/index.ts';
import { nearestHalf, type UniformBits } from '../../checkpoint/index.ts';
import { type CompileOptions, compile, type Value, value } from '../../engine/index.ts';
import { input, matmul, mul, sum } from '../../tensor/index.ts';
import { codeOf, fullGrid, type GridShape } from './grid.ts';
import { roundToGrid } from './rtn.ts';
import type { InputStatistics, Quantized, WeightMatrix } from './types.ts';

const f32 = Math.fround;

export interface AwqOptions {
  readonly bits: UniformBits;
  /** Inputs of a row that share a scale; it divides the matrix's inputs. */
  readonly group: number;
}

/** The exponents that are tried for the scales: 0, 0.05, … 0.95. (llm-awq, auto_scale.py) */
const awqExponents: readonly number[] = Array.from({ length: 20 }, (_, i) => i / 20);

/**
 * AWQ's grid: scale = max(max - min, 1e-5) / (2^bits - 1), zero = -round(min / scale), of a range that need not hold 0.
 * (llm-awq, quantizer.py)
 */
function awqGrid(bits: UniformBits): GridShape {
  return fullGrid(bits, (minimum, maximum, high) => {
    const scale = nearestHalf(f32(Math.max(f32(maximum - minimum), 1e-5) / high)) || 2 ** -24;
    return { scale, zero: codeOf(-minimum, scale, 0, 0, high) };
  });
}

/** Scales of inputs, mean |x|^exponent, divided by the root of their largest times their smallest. (Lin et al. 2023, section 3.2) */
export function awqScales({ absolute, tokens }: InputStatistics, exponent: number): Float32Array {
  const raw = Array.from(absolute, (total) => Math.max((total / tokens) ** exponent, 1e-4));
  const [least, most] = [Math.min(...raw), Math.max(...raw)];
  return Float32Array.from(raw, (each) => each / Math.sqrt(least * most));
}

/** The scales of the exponent whose loss is least; those of exponent 0, plain rounding, are among them. */
export async function searchAwqScales(
  inputs: InputStatistics,
  loss: (scales: Float32Array) => Promise<number>,
  signal?: AbortSignal,
): Promise<{ readonly exponent: number; readonly scales: Float32Array; readonly loss: number }> {
  let best = { exponent: 0, scales: awqScales(inputs, 0), loss: Number.POSITIVE_INFINITY };
  for (const exponent of awqExponents) {
    throwIfAborted(signal);
    const scales = awqScales(inputs, exponent);
    const found = await loss(scales);
    if (found < best.loss) best = { exponent, scales, loss: found };
  }
  return best;
}

/** W with each input's column times its factor. */
export function timesColumns({ out, inner, data }: WeightMatrix, factors: Float32Array): WeightMatrix {
  return { out, inner, data: data.map((each, i) => each * (factors[i % inner] as number)) };
}

/** W with each output's row divided by its factor. */
export function overRows({ out, inner, data }: WeightMatrix, factors: Float32Array): WeightMatrix {
  return { out, inner, data: data.map((each, i) => each / (factors[Math.floor(i / inner)] as number)) };
}

/** Rounds a matrix to AWQ's grid as it is: what a scale search of the exponent 0 gives. */
export function roundAwq(matrix: WeightMatrix, { bits, group }: AwqOptions): Quantized {
  return roundToGrid(matrix, group, awqGrid(bits));
}

/** The decoded Q(W diag(s)) diag(1/s), group by group: a search calls it for every exponent. */
export function scaledAndBack(
  { inner, data }: WeightMatrix,
  scales: Float32Array,
  { bits, group }: AwqOptions,
  into = new Float32Array(data.length),
): Float32Array {
  const shape = awqGrid(bits);
  const scaled = new Float32Array(group);
  for (let at = 0; at < data.length; at += group) {
    const column = at % inner;
    let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = 0; i < group; i++) {
      const each = f32((data[at + i] as number) * (scales[column + i] as number));
      scaled[i] = each;
      if (each < minimum) minimum = each;
      if (each > maximum) maximum = each;
    }
    const { scale, zero } = shape.fit(minimum, maximum);
    for (let i = 0; i < group; i++) {
      const code = codeOf(scaled[i] as number, scale, zero, shape.low, shape.high);
      into[at + i] = f32(scale * (code - zero)) / (scales[column + i] as number);
    }
  }
  return into;
}

/** The statistics of inputs that are divided by factors. */
export function overInputs(
  { tokens, secondMoment, absolute }: InputStatistics,
  factors: Float32Array,
): InputStatistics {
  const n = factors.length;
  const moment = secondMoment.map(
    (each, at) => each / ((factors[Math.floor(at / n)] as number) * (factors[at % n] as number)),
  );
  return { tokens, secondMoment: moment, absolute: absolute.map((each, i) => each / (factors[i] as number)) };
}

/** AWQ's search for the range of each group, with its compiled product. */
export interface AwqClip {
  /**
   * W with each group of a row clipped to the share of its largest magnitude, 1, 0.95, … 0.55, at which the rounded group
   * errs least in the output on the calibration inputs. (llm-awq, auto_clip.py)
   */
  clip(matrix: WeightMatrix, inputs: InputStatistics, options: AwqOptions, signal?: AbortSignal): Promise<WeightMatrix>;
  dispose(): Promise<void>;
}

const shares = Array.from({ length: 10 }, (_, i) => 1 - i / 20);

export async function openAwqClip(options: CompileOptions = {}): Promise<AwqClip> {
  const difference = input('difference', 'f32', ['rows', 'group']);
  const moment = input('moment', 'f32', ['group', 'group']);
  const errors = await compile({ errors: sum(mul(matmul(difference, moment), difference), [1]) }, options);
  return {
    async clip({ out, inner, data }, { secondMoment }, { bits, group }, signal) {
      const shape = awqGrid(bits);
      const clipped = data.slice();
      const differences = new Float32Array(shares.length * out * group);
      for (let at = 0; at < inner; at += group) {
        throwIfAborted(signal);
        const largest = new Float32Array(out);
        for (let row = 0; row < out; row++) {
          const own = data.subarray(row * inner + at, row * inner + at + group);
          for (const each of own) largest[row] = Math.max(largest[row] as number, Math.abs(each));
          for (const [i, share] of shares.entries()) {
            const into = differences.subarray((i * out + row) * group, (i * out + row + 1) * group);
            roundingErrors(own, share * (largest[row] as number), shape, into);
          }
        }
        const block = new Float32Array(group * group);
        for (let i = 0; i < group; i++) {
          block.set(secondMoment.subarray((at + i) * inner + at, (at + i) * inner + at + group), i * group);
        }
        const feeds = {
          difference: value('f32', [shares.length * out, group], differences),
          moment: value('f32', [group, group], block),
        };
        const { data: found } = (await errors.run(feeds)).errors as Value<'f32'>;
        for (let row = 0; row < out; row++) {
          let best = 0;
          for (let i = 1; i < shares.length; i++) {
            if ((found[i * out + row] as number) < (found[best * out + row] as number)) best = i;
          }
          const limit = (shares[best] as number) * (largest[row] as number);
          for (let i = row * inner + at; i < row * inner + at + group; i++) {
            clipped[i] = Math.min(limit, Math.max(-limit, data[i] as number));
          }
        }
      }
      return { out, inner, data: clipped };
    },
    dispose: () => errors.dispose(),
  };
}

/** A group less what it is after clipping and rounding. */
function roundingErrors(group: Float32Array, limit: number, shape: GridShape, into: Float32Array): void {
  let [minimum, maximum] = [limit, -limit];
  for (const each of group) {
    if (each < minimum) minimum = each;
    if (each > maximum) maximum = each;
  }
  const { scale, zero } = shape.fit(Math.max(-limit, minimum), Math.min(limit, maximum));
  for (let i = 0; i < group.length; i++) {
    const own = group[i] as number;
    const code = codeOf(Math.min(limit, Math.max(-limit, own)), scale, zero, shape.low, shape.high);
    into[i] = own - scale * (code - zero);
  }
}
