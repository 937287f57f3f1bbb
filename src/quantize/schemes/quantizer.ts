import { CriaError } from '../../base/index.ts';
import type { UniformBits } from '../../checkpoint/index.ts';
import type { AwqOptions } from './awq.ts';
import { type GgufType, ggufBlocks, ggufTypes } from './gguf.ts';
import type { GptqOptions } from './gptq.ts';
import { int8 } from './int8.ts';
import { nf4 } from './nf4.ts';
import { rtn } from './rtn.ts';
import type { Quantized, WeightMatrix } from './types.ts';

/** Schemes by the names of the command line. */
export const schemes = [
  'rtn',
  'gptq',
  'awq',
  'nf4',
  'int8',
  'q8_0',
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
  'q4_k',
  'q6_k',
] as const;
export type Scheme = (typeof schemes)[number];

/** A scheme with its numbers, as a matrix is quantized by it. `group` is in inputs of a row. */
export type Quantizer =
  | { readonly scheme: 'rtn'; readonly bits: UniformBits; readonly group: number; readonly asymmetric: boolean }
  | ({ readonly scheme: 'gptq' } & GptqOptions)
  | ({ readonly scheme: 'awq' } & AwqOptions)
  | { readonly scheme: 'nf4'; readonly block: number; readonly nested: boolean }
  | { readonly scheme: 'int8' }
  | { readonly scheme: Lowercase<GgufType> };

/** Those that read what calibration says of the inputs. */
type Calibrated = Extract<Quantizer, { readonly scheme: 'gptq' | 'awq' }>;

export const isCalibrated = (quantizer: Quantizer): quantizer is Calibrated =>
  quantizer.scheme === 'gptq' || quantizer.scheme === 'awq';

/** Quantizes a matrix of its values, and, where a GGUF type takes it, of the importance of its inputs. */
export function quantize(
  matrix: WeightMatrix,
  quantizer: Exclude<Quantizer, Calibrated>,
  importance?: Float32Array,
): Quantized {
  switch (quantizer.scheme) {
    case 'rtn':
      return rtn(matrix, quantizer);
    case 'nf4':
      return nf4(matrix, quantizer);
    case 'int8':
      return int8(matrix);

    default:
      return ggufBlocks(matrix, ggufTypeOf(quantizer.scheme), importance);
  }
}

/** The GGUF type that a scheme is named after. @throws CriaError when it is named after none. */
export function ggufTypeOf(scheme: Scheme): GgufType {
  const type = ggufTypes.find((each) => each.toLowerCase() === scheme);
  if (!type) throw new CriaError(`${scheme} is not a type of GGUF`);
  return type;
}

export const isGgufScheme = (scheme: Scheme): scheme is Lowercase<GgufType> =>
  ggufTypes.some((type) => type.toLowerCase() === scheme);
