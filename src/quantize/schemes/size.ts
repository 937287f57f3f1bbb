import { type Codes, nestedBlock, packingOf, typeForRows } from '../../checkpoint/index.ts';
import { ggufTypeOf, type Quantizer } from './quantizer.ts';

/** Bits that a matrix will take with its scales and zeros. */
export function expectedBits(quantizer: Quantizer, out: number, inner: number): number {
  const elements = out * inner;
  const grid = ({ bits, group }: { readonly bits: number; readonly group: number }, scale: number, zeros: boolean) =>
    elements * bits + (elements / group) * (scale + (zeros ? bits : 0));
  switch (quantizer.scheme) {
    case 'rtn':
      return grid(quantizer, 32, quantizer.asymmetric);
    case 'gptq':
      return (
        grid(quantizer, 16, quantizer.asymmetric) + (quantizer.actOrder && !quantizer.staticGroups ? inner * 32 : 0)
      );
    case 'awq':
      return grid(quantizer, 16, true);
    case 'nf4': {
      const blocks = Math.ceil(elements / quantizer.block);
      return elements * 4 + (quantizer.nested ? blocks * 8 + (Math.ceil(blocks / nestedBlock) + 1) * 32 : blocks * 32);
    }
    case 'int8':
      return elements * 8 + out * 32;
    default: {
      const { elements: each, bytes } = packingOf(typeForRows(ggufTypeOf(quantizer.scheme), inner));
      return (elements / each) * bytes * 8;
    }
  }
}

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
