import type { UniformBits } from '../../checkpoint/index.ts';
import type { Scheme } from '../schemes/index.ts';

/** What a quantized model is written as. */
export const formats = ['hf', 'gguf', 'gptq', 'awq', 'compressed-tensors', 'bitsandbytes'] as const;
export type Format = (typeof formats)[number];

/** What a model is quantized by, as the command line has it. */
export interface QuantizeOptions {
  readonly scheme: Scheme;
  /** By default 4, 8 for int8. */
  readonly bits?: UniformBits | undefined;
  /** Inputs that share a scale. */
  readonly group?: number | 'row' | undefined;
  readonly asymmetric: boolean;
  /** GPTQ: inputs by falling second moment; grids of neighbours fitted to the original weights; what is added to H. */
  readonly actOrder: boolean;
  readonly staticGroups: boolean;
  readonly damp: number;
  /** The text that GPTQ and AWQ are calibrated on, how many windows of it, and their tokens (default: 2048, or the context). */
  readonly calibration?: string | undefined;
  readonly samples: number;
  readonly sequence?: number | undefined;
  /** An importance matrix of llama.cpp that weights Q4_K; where one of the calibration text is written. */
  readonly imatrix?: string | undefined;
  readonly writeImatrix?: string | undefined;
  /** Scales of NF4 are quantized too. */
  readonly nested: boolean;
  /** Matrices that are not quantized: globs on their names. */
  readonly keep: readonly string[];
  /** Other schemes for some matrices: PATTERN=SCHEME, the last that fits. */
  readonly schemeFor: readonly string[];
  readonly format?: Format | undefined;
  /** Write decoded weights whatever the scheme. */
  readonly simulate: boolean;
  /** The float type of a folder of decoded weights; the base's by default. */
  readonly dtype?: 'F32' | 'F16' | 'BF16' | undefined;
  /** Quantize what is quantized already. */
  readonly requantize: boolean;
  /** Whether matrices may be held in another type than was asked for. */
  readonly fallback: boolean;
  /** A text on which the model is measured before and after. */
  readonly measure?: string | undefined;
  readonly seed: number;
  readonly resume: boolean;
  readonly force: boolean;
}

/** What holds where nothing else is asked for. */
export const quantizeDefaults: QuantizeOptions = {
  scheme: 'rtn',
  asymmetric: false,
  actOrder: false,
  staticGroups: false,
  damp: 0.01, // Frantar et al. 2022, section 4
  samples: 128,
  nested: false,
  keep: [],
  schemeFor: [],
  simulate: false,
  requantize: false,
  fallback: true,
  seed: 0,
  resume: false,
  force: false,
};
