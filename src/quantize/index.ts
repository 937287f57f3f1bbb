export { type Format, formats, type QuantizeOptions } from './run/options.ts';
export { type Plan, planOf, sizesOf, type Target } from './run/plan.ts';
export { type QuantizeResult, quantizeModel } from './run/quantize-model.ts';
export { bitsPerWeight, type TensorResult } from './run/result.ts';
export {
  type InputStatistics,
  int8,
  type MixedProductOptions,
  mixedProduct,
  nf4,
  type Quantized,
  type Quantizer,
  quantize,
  relativeError,
  rtn,
  type Scheme,
  schemes,
  type WeightMatrix,
} from './schemes/index.ts';
