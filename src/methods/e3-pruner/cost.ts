import { type Config, type LoadedModel, scoringNeed, usualTokens, weightShapes } from '../../model/index.ts';
import { maskNames } from './masks.ts';
import type { E3Options } from './options.ts';
import { baselinesOf, targetOf } from './target.ts';

/** What a run would do, without doing it. */
export interface Cost {
  readonly layers: number;
  readonly drop: number;
  /** Bytes of the written weights in float16. */
  readonly bytes: number;
  /** Bytes of memory for the whole model in float32 with the activations of some texts. */
  readonly memory: number;
  /** Passes of a token through a block, in millions; a backward pass counts as two. */
  readonly blockPasses: number;
}

const calibrationTokens = 4096;

/** The cost of a run. @throws CriaError when the options do not leave a model. */
export function costOf(model: LoadedModel, options: E3Options): Cost {
  const { config } = model;
  const { layers, drop } = targetOf(config, options);
  const kept = layers - drop;
  const masks = 1 + maskNames(baselinesOf(options)).length;
  const search =
    options.kept.length > 0 ? 0 : options.searchSteps * options.searchTokens * options.samples * 3 * layers;
  const importance = options.kept.length > 0 ? 0 : calibrationTokens * (layers + (layers * (layers - 1)) / 2);
  const sleb = options.baselines.includes('sleb') ? calibrationTokens * drop * ((layers * (layers + 1)) / 2) : 0;
  const recovery = options.recovery === 'none' ? 0 : options.recoveryTokens * (layers + masks * 3 * kept);
  const evaluation = options.testTokens * (layers + masks * kept * (options.recovery === 'none' ? 1 : 2));
  const elements = (of: Config) =>
    [...weightShapes(of).values()].reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return {
    layers,
    drop,
    bytes: 2 * elements({ ...config, layers: kept }),
    memory: scoringNeed(model, 'whole', usualTokens(config)).peak,
    blockPasses: Math.round((search + importance + sleb + recovery + evaluation) / 1e6),
  };
}
