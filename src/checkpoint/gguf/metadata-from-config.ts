import { CriaError } from '../../base/index.ts';
import { isObject } from '../json.ts';
import type { MetadataValue } from '../types.ts';
import type { Architecture } from './architecture.ts';
import { gemma3Period, gemma3QueryScalar } from './config.ts';
import type { ValueType } from './metadata.ts';
import { ggufRopeOf, type RopeScaling } from './rope.ts';

export type Config = Readonly<Record<string, unknown>>;

/** The header and the factor tensors that a configuration becomes. */
export interface ConfigMetadata {
  readonly values: ReadonlyMap<string, MetadataValue>;
  readonly types: ReadonlyMap<string, ValueType>;
  /** Factor tensors by GGUF name. */
  readonly factors: ReadonlyMap<string, Float32Array>;
}

/**
 * The GGUF metadata of a Hugging Face configuration, as llama.cpp reads it.
 * @throws CriaError where a key is missing, or says what llama.cpp cannot do.
 */
export function metadataOf(config: Config, architecture: Architecture, where: string): ConfigMetadata {
  const values = new Map<string, MetadataValue>();
  const types = new Map<string, ValueType>();
  const put = (name: string, type: ValueType, value: MetadataValue | undefined) => {
    if (value === undefined) return;
    values.set(`${architecture.name}.${name}`, value);
    types.set(`${architecture.name}.${name}`, type);
  };
  const { layers, hiddenSize, heads, headSize } = sizesOf(config, where);
  const rope = ropeParametersOf(config, where);
  const context = needed(config, 'max_position_embeddings', where);
  const rotated = headSize * (optional(config, 'partial_rotary_factor') ?? 1);

  put('block_count', 'u32', layers);
  put('context_length', 'u32', context);
  put('embedding_length', 'u32', hiddenSize);
  put('feed_forward_length', 'u32', needed(config, 'intermediate_size', where));
  put('attention.head_count', 'u32', heads);
  put('attention.head_count_kv', 'u32', optional(config, 'num_key_value_heads') ?? heads);
  put('attention.key_length', 'u32', headSize);
  put('attention.value_length', 'u32', headSize);
  put('attention.layer_norm_rms_epsilon', 'f32', needed(config, 'rms_norm_eps', where));
  put('vocab_size', 'u32', needed(config, 'vocab_size', where));
  put('rope.dimension_count', 'u32', rotated);
  put('rope.freq_base', 'f32', rope.theta);

  const scaling = ggufRopeOf(rope.scaling, { base: rope.theta, rotated, context }, where);
  put('rope.scaling.type', 'string', scaling.type);
  put('rope.scaling.factor', 'f32', scaling.factor);
  put('rope.scaling.original_context_length', 'u32', scaling.originalContext);
  put('rope.scaling.attn_factor', 'f32', scaling.attentionFactor);
  put('rope.scaling.yarn_beta_fast', 'f32', scaling.betaFast);
  put('rope.scaling.yarn_beta_slow', 'f32', scaling.betaSlow);

  if (architecture.modelType === 'mistral') {
    put('attention.sliding_window', 'u32', optional(config, 'sliding_window'));
  }
  if (config.use_sliding_window === true) {
    const remedy = 'set use_sliding_window to false if texts are shorter than the window';
    throw new CriaError('llama.cpp does not support the sliding window of this architecture', { where, remedy });
  }
  if (architecture.modelType === 'gemma3_text') {
    checkGemma3(config, where);
    const period = gemma3PeriodOf(config, where);
    put('attention.sliding_window', 'u32', optional(config, 'sliding_window'));
    put('attention.sliding_window_pattern', 'u32', period === gemma3Period ? undefined : period);
    put('rope.freq_base_swa', 'f32', rope.localTheta);
    put('final_logit_softcapping', 'f32', optional(config, 'final_logit_softcapping'));
  }

  const factors = new Map<string, Float32Array>();
  if (scaling.factors) factors.set('rope_freqs.weight', scaling.factors);
  if (scaling.longFactors) factors.set('rope_factors_long.weight', scaling.longFactors);
  if (scaling.shortFactors) factors.set('rope_factors_short.weight', scaling.shortFactors);
  return { values, types, factors };
}

function sizesOf(config: Config, where: string) {
  const hiddenSize = needed(config, 'hidden_size', where);
  const heads = needed(config, 'num_attention_heads', where);
  const headSize = optional(config, 'head_dim') ?? hiddenSize / heads;
  return { layers: needed(config, 'num_hidden_layers', where), hiddenSize, heads, headSize };
}

/** RoPE is written `rope_theta` and `rope_scaling`, or, since transformers 5, `rope_parameters`. */
function ropeParametersOf(config: Config, where: string): { theta: number; localTheta?: number; scaling: RopeScaling } {
  const given = isObject(config.rope_parameters) ? config.rope_parameters : {};
  const local = isObject(given.sliding_attention) ? given.sliding_attention : {};
  const global = isObject(given.full_attention) ? given.full_attention : given;
  const scaling = isObject(config.rope_scaling) ? config.rope_scaling : global;
  const original = optional(config, 'original_max_position_embeddings'); // Phi-3 has it here
  const type = scaling.rope_type ?? scaling.type ?? 'default';
  return {
    theta: optional(global, 'rope_theta') ?? needed(config, 'rope_theta', where),
    localTheta: optional(local, 'rope_theta') ?? optional(config, 'rope_local_base_freq'),
    scaling: {
      ...(original ? { original_max_position_embeddings: original } : {}),
      ...scaling,
      rope_type: String(type),
    },
  };
}

/** Refuses what llama.cpp's Gemma 3 computes differently. */
function checkGemma3(config: Config, where: string): void {
  const { layers, heads, hiddenSize, headSize } = sizesOf(config, where);
  const expected = gemma3QueryScalar(layers, heads, hiddenSize, headSize);
  const scalar = optional(config, 'query_pre_attn_scalar') ?? expected;
  if (scalar !== expected) {
    throw new CriaError(`query_pre_attn_scalar is ${scalar}, but llama.cpp assumes ${expected}`, { where });
  }
}

/** Every how many layers a full one comes. @throws CriaError where they are not periodic. */
function gemma3PeriodOf(config: Config, where: string): number {
  const types = config.layer_types;
  if (!Array.isArray(types)) {
    return optional(config, 'sliding_window_pattern') ?? optional(config, '_sliding_window_pattern') ?? gemma3Period;
  }
  const first = types.indexOf('full_attention');
  const period = first < 0 ? Math.max(gemma3Period, types.length + 1) : first + 1;
  if (types.every((type, i) => type === ((i + 1) % period === 0 ? 'full_attention' : 'sliding_attention')))
    return period;
  throw new CriaError('GGUF cannot express full-attention layers at irregular intervals', { where });
}

function optional(config: Config, key: string): number | undefined {
  const value = config[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function needed(config: Config, key: string, where: string): number {
  const value = optional(config, key);
  if (value !== undefined) return value;
  throw new CriaError(`${key} is missing from config.json`, { where, remedy: 'add it' });
}
