export {
  type CompareOptions,
  compareModels,
  comparisonFigures,
  type ModelComparison,
  type NamedModel,
  writeComparison,
} from './compare/compare-models.ts';
export { type ComparisonOptions, type OpenedReference, openReference } from './compare/reference.ts';
export { type ComparedModel, type ReferenceModel, verdict } from './compare/rows.ts';
export { type Estimate, estimateOf } from './run/estimate.ts';
export { type Format, formats, type QuantizeOptions, quantizeDefaults } from './run/options.ts';
export { type Plan, planOf, type Target } from './run/plan.ts';
export { type QuantizeResult, quantizeModel } from './run/quantize-model.ts';
export { bitsPerWeight, type TensorResult } from './run/result.ts';
export {
  type InputStatistics,
  int8,
  type MixedProductOptions,
  mixedProduct,
  nf4,
  openGptq,
  openOutputErrors,
  type Quantized,
  type Quantizer,
  quantize,
  relativeError,
  rtn,
  type Scheme,
  schemes,
  type WeightMatrix,
} from './schemes/index.ts';
