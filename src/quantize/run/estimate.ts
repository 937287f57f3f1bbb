import { type Checkpoint, packingOf } from '../../checkpoint/index.ts';
import { type Config, programBytes } from '../../model/index.ts';
import { expectedBits, isCalibrated, isGgufScheme } from '../schemes/index.ts';
import { mostHiddenBytes, tokensAtOnce } from './calibration.ts';
import type { QuantizeOptions } from './options.ts';
import type { Plan, Target } from './plan.ts';

/** What a run will take, before anything is computed. */
export interface Estimate {
  /** Of the weight files. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Bytes of memory at the peak, about. */
  readonly memory: number;
  /** Of time on two cores with AVX-512, about: measured rates. */
  readonly seconds: number;
}

const nanosecondsPerWeight = { search: 400, round: 60 }; // types of 256 search their scales
const multiplications = 8e10; // a second
const passes = 3.2; // over a block and its calibration texts: parts of it for each group of maps, one on, second moments
const search = { exponents: 20, tokens: 2048, passes: 1.25 }; // AWQ's, of which one measures the attention alone

/** Sizes, memory and time of a run. */
export function estimateOf({ tensors }: Checkpoint, config: Config, plan: Plan, options: QuantizeOptions): Estimate {
  const { targets, format } = plan;
  const total = (of: (target: Target) => number) => targets.reduce((sum, target) => sum + of(target), 0);
  const elements = total(({ out, inner }) => out * inner);
  const bits = total(({ out, inner, quantizer }) => expectedBits(quantizer, out, inner));
  const replaced = new Set(targets.map(({ name }) => name));
  const kept = [...tensors.values()].reduce((sum, { name, bytes }) => sum + (replaced.has(name) ? 0 : bytes), 0);
  const own = total(({ name }) => tensors.get(name)?.bytes ?? 0);

  const calibrated = options.calibration !== undefined || targets.some(({ quantizer }) => isCalibrated(quantizer));
  const sequence = options.sequence ?? Math.min(2048, config.context);
  const tokens = calibrated ? options.samples * sequence : 0;
  const widest = Math.max(...targets.map(({ inner }) => inner));
  const block = (elements * 4) / config.layers;
  const moments = calibrated ? 5 * 4 * widest ** 2 : 0; // of the inputs, its factor, and what factors it
  const activations = 4 * (6 * config.hiddenSize + 4 * config.intermediateSize); // of a position, while a block is run
  const rounding = total(({ out, inner, quantizer: { scheme } }) => {
    const searches = isGgufScheme(scheme) && packingOf(scheme.toUpperCase() as 'Q4_K').elements === 256;
    return out * inner * (searches ? nanosecondsPerWeight.search : nanosecondsPerWeight.round);
  });
  const products = total(({ out, inner, quantizer: { scheme } }) => {
    const errors = 2 * out * inner ** 2; // of outputs: D H and W H
    if (scheme === 'gptq') return errors + inner ** 3 + (out * inner ** 2) / 2; // the factor of H^-1, and what it moves
    return scheme === 'awq' ? errors + search.exponents * search.tokens * search.passes * out * inner : errors;
  });
  return {
    bytes: kept + (format === 'hf' ? own : Math.ceil(bits / 8)),
    bitsPerWeight: bits / elements,
    memory:
      programBytes(config) +
      3 * block +
      moments +
      Math.min(tokensAtOnce, tokens) * activations +
      Math.min(mostHiddenBytes, tokens * config.hiddenSize * 4),
    seconds: rounding / 1e9 + (calibrated ? passes * tokens * elements + products : 0) / multiplications,
  };
}
