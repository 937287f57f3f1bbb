import type { Config } from './config.ts';

/** The names of a decoder's weights in the Hugging Face layout: written down here and nowhere else. */
export const embeddingName = 'model.embed_tokens.weight';
export const finalNormName = 'model.norm.weight';
export const headName = (config: Config): string => (config.tiedEmbeddings ? embeddingName : 'lm_head.weight');
export const layerPrefix = (layer: number): string => `model.layers.${layer}.`;
/** The prefix under which one graph reads every block's weights. */
export const anyLayer = 'layer.';

/** The linear layers of a block, by their place in it: [out, in]. */
export function linearShapes(config: Config): Readonly<Record<LinearName, readonly [number, number]>> {
  const { hiddenSize, heads, keyValueHeads, headSize, intermediateSize } = config;
  return {
    'self_attn.q_proj': [heads * headSize, hiddenSize],
    'self_attn.k_proj': [keyValueHeads * headSize, hiddenSize],
    'self_attn.v_proj': [keyValueHeads * headSize, hiddenSize],
    'self_attn.o_proj': [hiddenSize, heads * headSize],
    'mlp.gate_proj': [intermediateSize, hiddenSize],
    'mlp.up_proj': [intermediateSize, hiddenSize],
    'mlp.down_proj': [hiddenSize, intermediateSize],
  };
}

export const linearNames = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;
export type LinearName = (typeof linearNames)[number];

/** Every weight of a block with its shape. */
export function layerShapes(config: Config): Map<string, readonly number[]> {
  const { hiddenSize, headSize } = config;
  const shapes = new Map<string, readonly number[]>([
    ['input_layernorm.weight', [hiddenSize]],
    ['post_attention_layernorm.weight', [hiddenSize]],
  ]);
  for (const [name, shape] of Object.entries(linearShapes(config))) shapes.set(`${name}.weight`, shape);
  if (config.projectionBias) {
    for (const name of ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'] as const) {
      shapes.set(`${name}.bias`, [linearShapes(config)[name][0]]);
    }
  }
  if (config.outputBias) shapes.set('self_attn.o_proj.bias', [hiddenSize]);
  if (config.mlpBias) {
    for (const name of ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'] as const) {
      shapes.set(`${name}.bias`, [linearShapes(config)[name][0]]);
    }
  }
  if (config.qkNorm) {
    shapes.set('self_attn.q_norm.weight', [headSize]);
    shapes.set('self_attn.k_norm.weight', [headSize]);
  }
  if (config.outputNorms) {
    shapes.set('pre_feedforward_layernorm.weight', [hiddenSize]);
    shapes.set('post_feedforward_layernorm.weight', [hiddenSize]);
  }
  return shapes;
}

/** Every weight of the model with its shape. */
export function weightShapes(config: Config): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([[embeddingName, [config.vocabulary, config.hiddenSize]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of layerShapes(config)) shapes.set(layerPrefix(layer) + name, shape);
  }
  shapes.set(finalNormName, [config.hiddenSize]);
  if (!config.tiedEmbeddings) shapes.set(headName(config), [config.vocabulary, config.hiddenSize]);
  return shapes;
}
