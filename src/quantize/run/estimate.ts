import { type Checkpoint, packingOf } from '../../checkpoint/index.ts';
import type { Config } from '../../model/index.ts';
import { expectedBits, isCalibrated, isGgufScheme } from '../schemes/index.ts';
import { mostHiddenBytes } from './calibration.ts';
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
const multiplications = 4e10; // a second
const passes = 6; // over a block and its calibration texts: one a group of maps, one on, and the second moments

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
  const rounding = total(({ out, inner, quantizer: { scheme } }) => {
    const searches = isGgufScheme(scheme) && packingOf(scheme.toUpperCase() as 'Q4_K').elements === 256;
    return out * inner * (searches ? nanosecondsPerWeight.search : nanosecondsPerWeight.round);
  });
  return {
    bytes: kept + (format === 'hf' ? own : Math.ceil(bits / 8)),
    bitsPerWeight: bits / elements,
    memory: 3 * block + moments + Math.min(mostHiddenBytes, tokens * config.hiddenSize * 4),
    seconds: rounding / 1e9 + (passes * tokens * elements) / multiplications,
  };
}
