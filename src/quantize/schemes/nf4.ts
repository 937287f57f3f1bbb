import { decodedAbsmax, dynamicCode, nestedBlock, nf4Levels, nf4Values } from '../../checkpoint/index.ts';
import type { Quantized, WeightMatrix } from './types.ts';

export interface Nf4Options {
  /** Elements of the flattened matrix that share a scale: a multiple of 32. */
  readonly block: number;
  /** Quantize the scales too: to 8 bits in blocks of 256. */
  readonly nested: boolean;
}

const f32 = Math.fround;

/**
 * NF4 as bitsandbytes makes it: blocks of the flattened matrix, divided by their largest magnitude, at the nearest of
 * 16 quantiles of the normal distribution. Where nested scales would decode to nothing positive, they stay plain.
 */
export function nf4({ out, inner, data }: WeightMatrix, { block, nested }: Nf4Options): Quantized {
  const plain = new Float32Array(Math.ceil(data.length / block));
  const codes = new Uint8Array(data.length);
  for (let b = 0; b < plain.length; b++) {
    const [from, to] = [b * block, Math.min(data.length, (b + 1) * block)];
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(data[i] as number));
    plain[b] = largest;
    const inverse = f32(1 / Math.max(largest, 1e-38));
    for (let i = from; i < to; i++) codes[i] = levelOf(f32((data[i] as number) * inverse));
  }
  const inner8 = nested ? nestedScales(plain) : undefined;
  const usable = inner8?.absmax.every((value, b) => value > 0 || plain[b] === 0) ? inner8 : undefined;
  const absmax = usable?.absmax ?? plain;
  const held = { kind: 'nf4', out, inner, block, codes, absmax, ...(usable && { nested: usable.stored }) } as const;
  return {
    codes: held,
    values: nf4Values(held),
    ...(nested && !usable && { fallback: 'nf4 with plain scales: nested ones would not all be positive' }),
  };
}

const middles = Float32Array.from(
  { length: 15 },
  (_, i) => ((nf4Levels[i] as number) + (nf4Levels[i + 1] as number)) / 2,
);

/** How many middles between levels lie strictly below: a value halfway goes to the lower level. */
function levelOf(value: number): number {
  let code = value > (middles[7] as number) ? 8 : 0;
  if (value > (middles[code + 3] as number)) code += 4;
  if (value > (middles[code + 1] as number)) code += 2;
  return value > (middles[code] as number) ? code + 1 : code;
}

/** Block scales as 8-bit dynamic codes of what is left of them without their mean. (QLoRA, section 3, double quantization) */
function nestedScales(plain: Float32Array) {
  const offset = f32(plain.reduce((sum, value) => sum + value, 0) / plain.length);
  const left = plain.map((value) => value - offset);
  const codes = new Uint8Array(left.length);
  const absmax = new Float32Array(Math.ceil(left.length / nestedBlock));
  for (let b = 0; b < absmax.length; b++) {
    const [from, to] = [b * nestedBlock, Math.min(left.length, (b + 1) * nestedBlock)];
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(left[i] as number));
    absmax[b] = largest;
    const inverse = f32(1 / Math.max(largest, 1e-38));
    for (let i = from; i < to; i++) codes[i] = nearestDynamic(f32((left[i] as number) * inverse));
  }
  return { absmax: decodedAbsmax(codes, absmax, offset), stored: { codes, absmax, offset } };
}

/** The nearest value of the dynamic code, by bisection; halfway goes to the lower one. */
function nearestDynamic(value: number): number {
  let [low, high] = [0, dynamicCode.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const between = ((dynamicCode[middle] as number) + (dynamicCode[middle + 1] as number)) / 2;
    if (value > between) low = middle + 1;
    else high = middle;
  }
  return low;
}
