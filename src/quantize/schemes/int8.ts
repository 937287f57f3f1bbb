import { uniformValues } from '../../checkpoint/index.ts';
import { nearestEven } from './rounding.ts';
import type { Quantized, WeightMatrix } from './types.ts';

const f32 = Math.fround;
const zero = 128; // of unsigned codes

/**
 * LLM.int8's weights: each row at round(127 w / max|w|). (Dettmers et al. 2022; bitsandbytes' int8_vectorwise_quant)
 */
export function int8({ out, inner, data }: WeightMatrix): Quantized {
  const codes = new Uint8Array(data.length);
  const scales = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    const values = data.subarray(row * inner, (row + 1) * inner);
    const largest = largestMagnitude(values);
    scales[row] = f32(largest / 127);
    for (let i = 0; i < inner; i++) codes[row * inner + i] = level(values[i] as number, largest) + zero;
  }
  const zeros = new Uint8Array(out).fill(zero);
  const held = { kind: 'uniform', out, inner, bits: 8, group: inner, codes, scales, zeros } as const;
  return { codes: held, values: uniformValues(held) };
}

export interface MixedProductOptions {
  /** Columns of x with an entry of at least this magnitude are multiplied in float; 0 for none. 6 in transformers. */
  readonly threshold: number;
  /** What outlier columns meet: the decoded int8 weight, as bitsandbytes does, or the weight itself, as the paper has it. */
  readonly outlierWeights: 'int8' | 'full';
}

/**
 * x W^T as LLM.int8 computes it: int8 codes of the rows of x and of W multiply exactly, columns with outliers are
 * multiplied apart. `x` is [tokens, inner]; the result [tokens, out]. (Dettmers et al. 2022, section 3.2)
 */
export function mixedProduct(
  x: Float32Array,
  weight: WeightMatrix,
  { threshold, outlierWeights }: MixedProductOptions,
): { readonly outliers: readonly number[]; readonly codes: Int8Array; readonly product: Float32Array } {
  const { out, inner, data } = weight;
  const { codes, values } = int8(weight);
  if (codes.kind !== 'uniform') throw new Error('int8 codes are uniform');
  const tokens = x.length / inner;
  const isOutlier = (value: number) => threshold > 0 && Math.abs(value) >= threshold;
  const outliers = Array.from({ length: inner }, (_, c) => c).filter((c) =>
    Array.from({ length: tokens }, (_, t) => x[t * inner + c] as number).some(isOutlier),
  );
  const apart = new Set(outliers);
  const met = outlierWeights === 'int8' ? values : data;
  const rows = new Int8Array(x.length);
  const product = new Float32Array(tokens * out);
  for (let t = 0; t < tokens; t++) {
    const own = x.subarray(t * inner, (t + 1) * inner);
    const largest = largestMagnitude(own.map((value) => (isOutlier(value) ? 0 : value)));
    for (let c = 0; c < inner; c++) rows[t * inner + c] = apart.has(c) ? 0 : level(own[c] as number, largest);
    for (let row = 0; row < out; row++) {
      let [sum, float] = [0, 0];
      for (let c = 0; c < inner; c++) {
        sum += (rows[t * inner + c] as number) * ((codes.codes[row * inner + c] as number) - zero);
      }
      for (const c of outliers) float += (own[c] as number) * (met[row * inner + c] as number);
      const scale = largestMagnitude(data.subarray(row * inner, (row + 1) * inner));
      product[t * out + row] = (sum * largest * scale) / 127 ** 2 + float;
    }
  }
  return { outliers, codes: rows, product };
}

function level(value: number, largest: number): number {
  return largest === 0 ? 0 : nearestEven(f32(f32(127 * value) / largest));
}

function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}
