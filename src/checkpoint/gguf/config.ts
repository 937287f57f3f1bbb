import { CriaError } from '../../base/index.ts';
import type { MetadataValue, StoredTensor } from '../types.ts';
import type { Architecture } from './architecture.ts';
import { ropeScalingOf } from './rope.ts';

/** What a configuration is made from: the header, and the values of the RoPE factor tensors. */
export interface ConfigSource {
  readonly path: string;
  readonly architecture: Architecture;
  readonly values: ReadonlyMap<string, MetadataValue>;
  /** By GGUF name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly factors: (name: string) => Float32Array | undefined;
}

/** The period of Gemma 3's layers (five sliding, one full), which llama.cpp assumes where the header is silent. */
export const gemma3Period = 6;

/**
 * The config.json of the checkpoint that a GGUF file was made from.
 * @throws CriaError naming the key that is missing or wrong.
 */
export function configOf(source: ConfigSource): Record<string, unknown> {
  const { architecture, tensors } = source;
  const key = keysOf(source);
  const heads = key.count('attention.head_count');
  const hiddenSize = key.count('embedding_length');
  const headSize = key.optionalCount('attention.key_length') ?? hiddenSize / heads;
  const rotated = key.optionalCount('rope.dimension_count') ?? headSize;
  const embedding = tensors.get('token_embd.weight');
  if (!embedding) throw new CriaError('the tensor token_embd.weight is missing', { where: source.path });
  const layers = key.count('block_count');
  if (layers > tensors.size) throw new CriaError(`has too few tensors for ${layers} layers`, { where: source.path });

  return {
    architectures: [architecture.className],
    model_type: architecture.modelType,
    hidden_size: hiddenSize,
    intermediate_size: key.count('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: key.optionalCount('attention.head_count_kv') ?? heads,
    head_dim: headSize,
    ...(rotated === headSize ? {} : { partial_rotary_factor: rotated / headSize }),
    max_position_embeddings: key.count('context_length'),
    vocab_size: embedding.shape[0],
    rms_norm_eps: key.number('attention.layer_norm_rms_epsilon'),
    tie_word_embeddings: !tensors.has('output.weight'),
    ...ropeOf(source),
    ...particularsOf(source, { layers, heads, hiddenSize, headSize }),
    ...tokenIds(source.values, { bos: ['bos'], eos: ['eos'], pad: ['padding'] }),
  };
}

/** What generation_config.json would tell: where texts begin and end. Ends of turns and messages count as ends. */
export function generationOf(values: ReadonlyMap<string, MetadataValue>): Record<string, unknown> {
  return tokenIds(values, { bos: ['bos'], eos: ['eos', 'eot', 'eom'], pad: ['padding'] });
}

type TokenRoles = Readonly<Record<'bos' | 'eos' | 'pad', readonly string[]>>;

function tokenIds(values: ReadonlyMap<string, MetadataValue>, roles: TokenRoles): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [role, names] of Object.entries(roles)) {
    const given = names.map((name) => values.get(`tokenizer.ggml.${name}_token_id`));
    const ids = [...new Set(given.filter((id) => typeof id === 'number'))];
    if (ids.length > 0) found[`${role}_token_id`] = ids.length === 1 ? ids[0] : ids;
  }
  return found;
}

function ropeOf(source: ConfigSource): Record<string, unknown> {
  const key = keysOf(source);
  const base = key.optionalNumber('rope.freq_base') ?? 10_000; // llama.cpp's default
  const type = source.values.get(`${source.architecture.name}.rope.scaling.type`);
  const scaling = ropeScalingOf(
    {
      type: type === undefined ? undefined : String(type),
      factor: key.optionalNumber('rope.scaling.factor') ?? key.optionalNumber('rope.scale_linear'),
      originalContext: key.optionalCount('rope.scaling.original_context_length') ?? key.count('context_length'),
      attentionFactor: key.optionalNumber('rope.scaling.attn_factor'),
      betaFast: key.optionalNumber('rope.scaling.yarn_beta_fast'),
      betaSlow: key.optionalNumber('rope.scaling.yarn_beta_slow'),
      factors: source.factors('rope_freqs.weight'),
      longFactors: source.factors('rope_factors_long.weight'),
      shortFactors: source.factors('rope_factors_short.weight'),
    },
    base,
    source.path,
  );
  return { rope_theta: base, rope_scaling: scaling ?? null };
}

/** What only some architectures have. */
function particularsOf(
  source: ConfigSource,
  { layers, heads, hiddenSize, headSize }: { layers: number; heads: number; hiddenSize: number; headSize: number },
): Record<string, unknown> {
  const key = keysOf(source);
  switch (source.architecture.modelType) {
    case 'gemma3_text': {
      const period = key.optionalCount('attention.sliding_window_pattern') ?? gemma3Period;
      const softcap = key.optionalNumber('final_logit_softcapping');
      return {
        hidden_activation: 'gelu_pytorch_tanh',
        attention_bias: false,
        sliding_window: key.optionalCount('attention.sliding_window') ?? null,
        layer_types: Array.from({ length: layers }, (_, i) =>
          (i + 1) % period === 0 ? 'full_attention' : 'sliding_attention',
        ),
        rope_local_base_freq: key.optionalNumber('rope.freq_base_swa') ?? 10_000,
        query_pre_attn_scalar: gemma3QueryScalar(layers, heads, hiddenSize, headSize),
        final_logit_softcapping: softcap ?? null,
      };
    }
    case 'qwen2':
      return { hidden_act: 'silu', use_sliding_window: false };
    case 'qwen3':
      return { hidden_act: 'silu', attention_bias: false, use_sliding_window: false };
    case 'mistral':
      return { hidden_act: 'silu', sliding_window: key.optionalCount('attention.sliding_window') ?? null };
    default:
      return {
        hidden_act: 'silu',
        attention_bias: source.tensors.has('blk.0.attn_q.bias'),
        mlp_bias: source.tensors.has('blk.0.ffn_gate.bias'),
      };
  }
}

/** Gemma 3 divides scores by the root of this: the head size, but for 27B (62 layers) hidden size / heads. */
export function gemma3QueryScalar(layers: number, heads: number, hiddenSize: number, headSize: number): number {
  return layers === 62 ? hiddenSize / heads : headSize;
}

/** Reads numbers under the architecture's prefix. */
function keysOf({ path, architecture, values }: ConfigSource) {
  const optionalNumber = (name: string): number | undefined => {
    const key = `${architecture.name}.${name}`;
    const value = scalarOf(values.get(key));
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isFinite(value)) return Number.isInteger(value) ? value : shortest(value);
    throw new CriaError(`${key} must be one number for all layers`, {
      where: path,
      remedy: 'convert the model again',
    });
  };
  const optionalCount = (name: string): number | undefined => {
    const value = optionalNumber(name);
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
    throw new CriaError(`${architecture.name}.${name} must be a positive integer (got ${value})`, { where: path });
  };
  const needed = (name: string, value: number | undefined): number => {
    if (value !== undefined) return value;
    const remedy = 'convert the model again with a current llama.cpp';
    throw new CriaError(`${architecture.name}.${name} is missing from its header`, { where: path, remedy });
  };
  return {
    optionalNumber,
    optionalCount,
    number: (name: string) => needed(name, optionalNumber(name)),
    count: (name: string) => needed(name, optionalCount(name)),
  };
}

/** The shortest decimal that float32 cannot tell from `value`: 1e-5 is stored as 0.000009999999747378752. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}

/** A list that says the same for every layer counts as the one number. */
function scalarOf(value: MetadataValue | undefined): unknown {
  if (typeof value !== 'object') return value;
  return value.length > 0 && value.every((item: unknown) => item === value[0]) ? value[0] : value;
}
