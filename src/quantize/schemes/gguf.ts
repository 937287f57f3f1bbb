import {
  type BlockCodes,
  type BlockType,
  decodeStored,
  encodeStored,
  packingOf,
  type StoredType,
  typeForRows,
} from '../../checkpoint/index.ts';
import { relativeError } from './error.ts';
import type { Quantized, WeightMatrix } from './types.ts';

export const ggufTypes = [
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q4_K',
  'Q6_K',
] as const satisfies readonly BlockType[];
export type GgufType = (typeof ggufTypes)[number];

/**
 * A matrix in ggml's blocks. Rows that are no whole blocks go to Q8_0, then F16; a matrix whose half-precision scales
 * would underflow or overflow stays in F32: both are told as its fallback. `importance`, the mean square of each input,
 * weights the fit of Q4_K.
 */
export function ggufBlocks(matrix: WeightMatrix, wanted: GgufType, importance?: Float32Array): Quantized {
  const { inner } = matrix;
  const type = typeForRows(wanted, inner) as BlockCodes['type'];
  const reason = type === wanted ? undefined : blockFallback(wanted, type, inner);
  const made = encoded(matrix, type, importance);
  if (type !== 'F16' && scalesFail(matrix, made)) {
    return { ...encoded(matrix, 'F32'), fallback: `F32: half-precision scales of ${type} would leave their range` };
  }
  return { ...made, ...(reason && { fallback: reason }) };
}

/** Why rows of `inner` values are not in `wanted`, or undefined where they can be. */
export function blockFallback(wanted: GgufType, type: StoredType, inner: number): string | undefined {
  if (type === wanted) return undefined;
  return `${type}: rows of ${inner} values are not whole ${wanted} blocks of ${packingOf(wanted).elements}`;
}

function encoded({ out, inner, data }: WeightMatrix, type: BlockCodes['type'], importance?: Float32Array): Quantized {
  const bytes = encodeStored(type, data, undefined, importance);
  const values = new Float32Array(data.length);
  decodeStored(type, bytes, values);
  return { codes: { kind: 'blocks', out, inner, type, bytes }, values };
}

const small = 2 ** -8; // weights below it can have scales in the sparse end of half precision
const tolerated = 1.05;

/**
 * Whether scales are lost: values are not finite, a block that was not zero is, or the error is clearly more than that
 * of the same matrix in a range where half precision is dense.
 */
function scalesFail(matrix: WeightMatrix, { codes, values }: Quantized): boolean {
  const { data } = matrix;
  const { elements } = packingOf((codes as BlockCodes).type);
  let largest = 0;
  for (let from = 0; from < data.length; from += elements) {
    let [before, after] = [0, 0];
    for (let i = from; i < from + elements; i++) {
      before = Math.max(before, Math.abs(data[i] as number));
      after = Math.max(after, Math.abs(values[i] as number));
    }
    if (!Number.isFinite(after) || Number.isNaN(after) || (before > 0 && after === 0)) return true;
    largest = Math.max(largest, before);
  }
  if (largest === 0 || largest >= small) return false;
  const factor = 2 ** -Math.floor(Math.log2(largest));
  const raised = data.map((value) => value * factor);
  const reference = relativeError(raised, encoded({ ...matrix, data: raised }, (codes as BlockCodes).type).values);
  return relativeError(data, values) > tolerated * reference;
}
