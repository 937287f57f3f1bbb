import { decodeStored } from '../blocks/stored.ts';
import { nf4Values } from './nf4.ts';
import { type Codes, uniformValues } from './types.ts';

/** Float32 values of codes, [out, inner]. */
export function valuesOf(codes: Codes): Float32Array {
  if (codes.kind === 'uniform') return uniformValues(codes);
  if (codes.kind === 'nf4') return nf4Values(codes);
  const values = new Float32Array(codes.out * codes.inner);
  decodeStored(codes.type, codes.bytes, values);
  return values;
}
