import { mul, rmsNorm, type Tensor } from '../../tensor/index.ts';
import type { Weights } from '../weights/weights.ts';
import type { Config } from './config.ts';
import { layer, layerWeights, normWeight, type Positions } from './layer.ts';
import { embeddingName, finalNormName, headName } from './names.ts';
import { noTaps, type Taps, within } from './taps.ts';

/** A decoder is three pure functions of named weights: every plan composes them. */
export interface Decoder {
  /** ids i64 [batch, seq] -> hidden [batch, seq, width]. */
  embed(ids: Tensor, taps?: Taps): Tensor;
  /** Block `index` on hidden states; `prefix` names its weights when one graph serves all blocks. */
  layer(index: number, hidden: Tensor, positions: Positions, taps?: Taps, prefix?: string): Tensor;
  /** The final norm: hidden [batch, seq, width] -> the same. */
  norm(hidden: Tensor, taps?: Taps): Tensor;
  /** Last hidden states -> logits [batch, seq, vocabulary]. */
  logits(lastHidden: Tensor, taps?: Taps): Tensor;
}

/** The decoder of a configuration over weights as they are given. */
export function decoder(config: Config, weights: Weights): Decoder {
  const { vocabulary, hiddenSize } = config;
  return {
    embed(ids, taps = noTaps) {
      const rows = weights.embedding(embeddingName, vocabulary, hiddenSize)(ids);
      // rounded as transformers rounds it: to the dtype of the weights
      const scaled = config.embeddingScale === 1 ? rows : mul(rows, Math.fround(config.embeddingScale));
      return taps.at('embedding', scaled);
    },
    layer(index, hidden, positions, taps = noTaps, prefix) {
      const maps = layerWeights(config, weights, index, prefix);
      return layer(config, maps, hidden, positions, index, within(taps, `layers.${index}.`));
    },
    norm(hidden, taps = noTaps) {
      const gain = normWeight(config, weights, finalNormName, hiddenSize);
      return taps.at('norm', rmsNorm(hidden, gain, config.epsilon));
    },
    logits: (lastHidden, taps = noTaps) =>
      taps.at('logits', weights.linear(headName(config), vocabulary, hiddenSize)(lastHidden)),
  };
}

/** All blocks one after the other: the whole plan. */
export function blocks(
  model: Decoder,
  config: Config,
  hidden: Tensor,
  positions: Positions,
  taps: Taps = noTaps,
): Tensor {
  let x = hidden;
  for (let index = 0; index < config.layers; index++) x = model.layer(index, x, positions, taps);
  return x;
}
