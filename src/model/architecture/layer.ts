import { add, dimOf, gelu, type HeadLayout, mul, reshape, rmsNorm, silu, type Tensor } from '../../tensor/index.ts';
import type { Linear, Weights } from '../weights/weights.ts';
import type { Config } from './config.ts';
import { layerPrefix, linearShapes } from './names.ts';
import type { Taps } from './taps.ts';

/** One block's weights as maps of the graph. */
export interface LayerWeights {
  readonly inputNorm: Norm;
  readonly queryKeyValue: (x: Tensor) => readonly Tensor[];
  readonly queryNorm: Norm;
  readonly keyNorm: Norm;
  readonly output: Linear;
  /** On what attention gives, before it is added: the identity in most architectures. */
  readonly afterAttention: Norm;
  readonly mlpNorm: Norm;
  readonly gateUp: (x: Tensor) => readonly Tensor[];
  readonly down: Linear;
  readonly afterMlp: Norm;
}

type Norm = (x: Tensor) => Tensor;

/** How the positions of one run see each other and what came before: the layer does not know about caches. */
export interface Positions {
  /** Rotates queries or keys [batch, seq, heads * size] by their positions. */
  rotate(x: Tensor, heads: number, layer: number): Tensor;
  /** Attention output [batch, seq, heads * size] from rotated queries and keys. */
  attend(query: Tensor, key: Tensor, value: Tensor, layer: number, at: Taps): Tensor;
}

/** One decoder block: hidden [batch, seq, width] -> the same. (Touvron et al. 2023, section 2; Gemma 3, section 2) */
export function layer(
  config: Config,
  weights: LayerWeights,
  hidden: Tensor,
  positions: Positions,
  index: number,
  taps: Taps,
): Tensor {
  const attentionInput = taps.at('attention.input', weights.inputNorm(hidden));
  const attended = taps.at('attention.output', attention(config, weights, attentionInput, positions, index, taps));
  const mid = taps.at('residual.mid', add(hidden, weights.afterAttention(attended)));
  const mlpInput = taps.at('mlp.input', weights.mlpNorm(mid));
  const mlpOutput = taps.at('mlp.output', mlp(config, weights, mlpInput, taps));
  return taps.at('residual.post', add(mid, weights.afterMlp(mlpOutput)));
}

function attention(
  config: Config,
  weights: LayerWeights,
  x: Tensor,
  positions: Positions,
  index: number,
  taps: Taps,
): Tensor {
  const [q, k, v] = weights.queryKeyValue(x) as readonly [Tensor, Tensor, Tensor];
  const query = taps.at('attention.query', weights.queryNorm(q));
  const key = taps.at('attention.key', weights.keyNorm(k));
  const value = taps.at('attention.value', v);
  const rotatedQuery = taps.at('attention.query.rotated', positions.rotate(query, config.heads, index));
  const rotatedKey = taps.at('attention.key.rotated', positions.rotate(key, config.keyValueHeads, index));
  return weights.output(taps.at('attention.heads', positions.attend(rotatedQuery, rotatedKey, value, index, taps)));
}

/** down(activation(gate(x)) * up(x)). (Shazeer 2020) */
function mlp(config: Config, weights: LayerWeights, x: Tensor, taps: Taps): Tensor {
  const [g, u] = weights.gateUp(x) as readonly [Tensor, Tensor];
  const [gate, up] = [taps.at('mlp.gate', g), taps.at('mlp.up', u)];
  const activation = config.activation === 'silu' ? silu : gelu;
  return weights.down(taps.at('mlp.hidden', mul(activation(gate), up)));
}

/** The maps of block `index`; `prefix` replaces the block's name where one graph serves every block. */
export function layerWeights(
  config: Config,
  weights: Weights,
  index: number,
  prefix = layerPrefix(index),
): LayerWeights {
  const shapes = linearShapes(config);
  const part = (name: keyof typeof shapes) => {
    const [out, inner] = shapes[name];
    return { name: `${prefix}${name}.weight`, out, inner };
  };
  const biased = (y: Tensor, name: keyof typeof shapes) =>
    add(y, weights.vector(`${prefix}${name}.bias`, shapes[name][0]));
  const norm = (name: string) => (x: Tensor) =>
    rmsNorm(x, normWeight(config, weights, `${prefix}${name}.weight`, config.hiddenSize), config.epsilon);
  const headNorm = (name: string, heads: number): Norm => {
    if (!config.qkNorm) return same;
    return (x) => {
      const perHead = reshape(x, [dimOf(x, 0), dimOf(x, 1), heads, config.headSize]);
      const gain = normWeight(config, weights, `${prefix}self_attn.${name}.weight`, config.headSize);
      return reshape(rmsNorm(perHead, gain, config.epsilon), x.shape);
    };
  };
  const projections = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'] as const;
  const queryKeyValue = weights.fusedLinear(projections.map(part));
  const inputs = ['mlp.gate_proj', 'mlp.up_proj'] as const;
  const gateUp = weights.fusedLinear(inputs.map(part));
  const [output, down] = [part('self_attn.o_proj'), part('mlp.down_proj')];
  const outputMap = weights.linear(output.name, output.out, output.inner);
  const downMap = weights.linear(down.name, down.out, down.inner);
  return {
    inputNorm: norm('input_layernorm'),
    queryKeyValue: (x) =>
      config.projectionBias
        ? queryKeyValue(x).map((y, i) => biased(y, projections[i] as 'self_attn.q_proj'))
        : queryKeyValue(x),
    queryNorm: headNorm('q_norm', config.heads),
    keyNorm: headNorm('k_norm', config.keyValueHeads),
    output: (x) => (config.outputBias ? biased(outputMap(x), 'self_attn.o_proj') : outputMap(x)),
    afterAttention: config.outputNorms ? norm('post_attention_layernorm') : same,
    mlpNorm: norm(config.outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'),
    gateUp: (x) => (config.mlpBias ? gateUp(x).map((y, i) => biased(y, inputs[i] as 'mlp.gate_proj')) : gateUp(x)),
    down: (x) => (config.mlpBias ? biased(downMap(x), 'mlp.down_proj') : downMap(x)),
    afterMlp: config.outputNorms ? norm('post_feedforward_layernorm') : same,
  };
}

/** A norm's gain: Gemma stores its distance from 1. */
export function normWeight(config: Config, weights: Weights, name: string, size: number): Tensor {
  const stored = weights.vector(name, size);
  return config.normOffset === 0 ? stored : add(stored, config.normOffset);
}

const same = (x: Tensor): Tensor => x;

/** How the heads of a configuration share keys and values. */
export function headLayout({ heads, keyValueHeads, headSize, attentionScale }: Config): HeadLayout {
  return { heads, keyValueHeads, headSize, scale: attentionScale };
}
