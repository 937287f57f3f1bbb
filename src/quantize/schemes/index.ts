export {
  type AwqClip,
  type AwqOptions,
  openAwqClip,
  overInputs,
  overRows,
  roundAwq,
  scaledAndBack,
  searchAwqScales,
  timesColumns,
} from './awq.ts';
export { relativeError } from './error.ts';
export { blockFallback } from './gguf.ts';
export { openGptq } from './gptq.ts';
export { int8, type MixedProductOptions, mixedProduct } from './int8.ts';
export { nf4 } from './nf4.ts';
export { type OutputErrors, openOutputErrors } from './output-error.ts';
export { ggufTypeOf, isCalibrated, isGgufScheme, type Quantizer, quantize, type Scheme, schemes } from './quantizer.ts';
export { rtn } from './rtn.ts';
export { bitsOf, expectedBits } from './size.ts';
export type { InputStatistics, Quantized, WeightMatrix } from './types.ts';
