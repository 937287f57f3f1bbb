import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalFrom, randomFrom } from '../../src/base/index.ts';
import { writeSafetensors } from '../../src/checkpoint/index.ts';
import { type LoadedModel, loadModel, weightShapes } from '../../src/model/index.ts';
import { temporaryFolder } from '../hostile.ts';

/** The vocabulary: begin, new line, entities of two tokens each, fillers. */
const [entityCount, fillerCount] = [12, 60];
export const [beginning, newline] = [0, 1];
export const entities = Array.from({ length: entityCount }, (_, k) => [2 + 2 * k, 3 + 2 * k] as const);
export const fillers = Array.from({ length: fillerCount }, (_, i) => 2 + 2 * entityCount + i);
const vocabulary = 2 + 2 * entityCount + fillerCount;

/** The residual stream: features side by side. */
const layout = {
  token: vocabulary,
  previous: vocabulary,
  twoBack: vocabulary,
  copied: vocabulary,
  concept: 12,
  held: 12,
  moved: 12,
  begin: 1,
  constant: 1,
};
type Feature = keyof typeof layout;
const offsets = {} as Record<Feature, number>;
let width = 0;
for (const [name, size] of Object.entries(layout)) {
  offsets[name as Feature] = width;
  width += size;
}
const constant = Math.sqrt(width); // makes the root mean square of every state about 1

const [heads, headSize, rotated, theta] = [4, 104, 16, 100];
const half = rotated / 2;

/**
 * A Llama of three layers of four heads, all of whose mechanisms are written by hand. An entity's second token means a
 * concept. Layer 0: heads 0 and 1 note the token before and the one two back. Layer 1: head 0 looks where the current
 * token stood before and copies that token; head 1 looks where it stood two back and holds the concept there. Layer 2:
 * head 0 moves a held concept one position on, where the output reads the entity's second token from it. All other
 * heads are small random numbers.
 */
export async function plantedModel(): Promise<LoadedModel> {
  const folder = temporaryFolder();
  const config = {
    model_type: 'llama',
    hidden_size: width,
    num_hidden_layers: 3,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    head_dim: headSize,
    intermediate_size: 8,
    vocab_size: vocabulary,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-6,
    rope_theta: theta,
    partial_rotary_factor: (rotated + 0.5) / headSize,
    tie_word_embeddings: false,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const weights = plantedWeights();
  const tensors = [...weights].map(([name, { shape, data }]) => ({
    name,
    shape,
    type: 'F32' as const,
    bytes: () => new Uint8Array(data.buffer),
  }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return loadModel(folder, { threads: 1 });
}

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function plantedWeights(): Map<string, Weight> {
  const shape = {
    layers: 3,
    hiddenSize: width,
    heads,
    keyValueHeads: heads,
    headSize,
    intermediateSize: 8,
    vocabulary,
  };
  const shapes = weightShapes(shape as never);
  shapes.set('lm_head.weight', [vocabulary, width]);
  const normal = normalFrom(randomFrom(3));
  const planted = new Set(['0.0', '0.1', '1.0', '1.1', '2.0']);
  const weights = new Map<string, Weight>();
  for (const [name, dims] of shapes) {
    const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
    if (name.endsWith('norm.weight')) data.fill(1);
    const [, layer, part] = /layers\.(\d)\.self_attn\.([vo])_proj/.exec(name) ?? [];
    for (let i = 0; part && i < data.length; i++) {
      const head = Math.floor((part === 'v' ? Math.floor(i / width) : i % (heads * headSize)) / headSize);
      if (!planted.has(`${layer}.${head}`)) data[i] = 0.01 * normal();
    }
    weights.set(name, { shape: dims, data });
  }

  const set = (name: string, row: number, column: number, x: number) => {
    const { shape, data } = weights.get(name) as Weight;
    data[row * (shape[1] as number) + column] = x;
  };
  const at = (feature: Feature, i = 0) => offsets[feature] + i;
  const projection = (layer: number, part: string) => `model.layers.${layer}.self_attn.${part}_proj.weight`;
  const dim = (head: number, i: number) => head * headSize + i;

  /** Attends `back` positions back, whatever stands there: keys are constant, queries turned by as many positions. */
  const looksBack = (layer: number, head: number, back: number) => {
    for (let f = 0; f < half; f++) {
      const angle = back * theta ** (-f / half);
      set(projection(layer, 'k'), dim(head, f), at('constant'), 1 / constant);
      set(projection(layer, 'q'), dim(head, f), at('constant'), (300 * Math.cos(angle)) / constant);
      set(projection(layer, 'q'), dim(head, half + f), at('constant'), (-300 * Math.sin(angle)) / constant);
    }
  };
  /** Attends where `feature` is the current token, and at the beginning where it is nowhere. */
  const looksFor = (layer: number, head: number, feature: Feature) => {
    for (let t = 0; t < vocabulary; t++) {
      set(projection(layer, 'q'), dim(head, rotated + t), at('token', t), 20);
      set(projection(layer, 'k'), dim(head, rotated + t), at(feature, t), 20);
    }
    set(projection(layer, 'q'), dim(head, rotated + vocabulary), at('constant'), 1 / constant);
    set(projection(layer, 'k'), dim(head, rotated + vocabulary), at('begin'), 200);
  };
  const writes = (layer: number, head: number, from: Feature, to: Feature) => {
    for (let i = 0; i < layout[from]; i++) {
      if (from === 'token' && i === beginning) continue;
      set(projection(layer, 'v'), dim(head, i), at(from, i), 1);
      set(projection(layer, 'o'), at(to, i), dim(head, i), 1);
    }
  };
  looksBack(0, 0, 1);
  writes(0, 0, 'token', 'previous');
  looksBack(0, 1, 2);
  writes(0, 1, 'token', 'twoBack');
  looksFor(1, 0, 'previous');
  writes(1, 0, 'token', 'copied');
  looksFor(1, 1, 'twoBack');
  writes(1, 1, 'concept', 'held');
  looksBack(2, 0, 1);
  writes(2, 0, 'held', 'moved');

  for (let t = 0; t < vocabulary; t++) {
    set('model.embed_tokens.weight', t, at('token', t), 1);
    set('model.embed_tokens.weight', t, at('constant'), constant);
    set('lm_head.weight', t, at('copied', t), 8);
  }
  set('model.embed_tokens.weight', beginning, at('begin'), 1);
  for (const [k, [, second]] of entities.entries()) {
    set('model.embed_tokens.weight', second, at('concept', k), 1);
    set('lm_head.weight', second, at('moved', k), 8);
  }
  return weights;
}
