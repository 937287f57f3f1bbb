import type { Nf4Codes } from './types.ts';

/** The 16 levels of NF4, quantiles of the standard normal scaled to [-1, 1]. (bitsandbytes; QLoRA, appendix E) */
export const nf4Levels = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** Blocks of absmax that share a scale where absmax is quantized itself. */
export const nestedBlock = 256;

/**
 * The 256 values of bitsandbytes' 8-bit dynamic code, ascending: 0, 1, and ±10^(i-6) times the midpoints of 2^i equal
 * slices of [0.1, 1], i = 0 to 6. (Dettmers et al. 2022, 8-bit optimizers, section 2)
 */
export const dynamicCode: Float32Array = (() => {
  const values = [0, 1];
  for (let i = 0; i <= 6; i++) {
    for (let k = 0; k < 2 ** i; k++) {
      const middle = 0.1 + (0.9 * (k + 0.5)) / 2 ** i;
      values.push(10 ** (i - 6) * middle, -(10 ** (i - 6)) * middle);
    }
  }
  return Float32Array.from(values.sort((a, b) => a - b));
})();

/** Float32 values of NF4 codes, [out, inner]. */
export function nf4Values({ codes, absmax, block }: Pick<Nf4Codes, 'codes' | 'absmax' | 'block'>): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    values[i] = (nf4Levels[codes[i] as number] as number) * (absmax[Math.floor(i / block)] as number);
  }
  return values;
}

const f32 = Math.fround;

/** The absmax of each block from its nested form. */
export function decodedAbsmax(codes: Uint8Array, absmax: Float32Array, offset: number): Float32Array {
  return Float32Array.from(codes, (code, b) =>
    f32(f32((dynamicCode[code] as number) * (absmax[Math.floor(b / nestedBlock)] as number)) + offset),
  );
}
