import type { Codes } from './types.ts';

/** Bits that codes, scales and zeros take together: half-precision scales for `halfScales`, else float32. */
export function bitsOf(codes: Codes, halfScales: boolean): number {
  if (codes.kind === 'blocks') return codes.bytes.length * 8;
  if (codes.kind === 'nf4') {
    const { nested, absmax } = codes;
    const scales = nested ? nested.codes.length * 8 + (nested.absmax.length + 1) * 32 : absmax.length * 32;
    return codes.codes.length * 4 + scales;
  }
  const { bits, scales, zeros, groupOf } = codes;
  const symmetric = zeros.every((zero) => zero === 2 ** (bits - 1));
  const perGroup = (halfScales ? 16 : 32) + (symmetric ? 0 : bits);
  return codes.codes.length * bits + scales.length * perGroup + (groupOf ? groupOf.length * 32 : 0);
}
