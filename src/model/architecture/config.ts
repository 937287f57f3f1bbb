import { CriaError } from '../../base/index.ts';
import { contextOf, type Rope, ropeFrom } from './rope.ts';

/** What makes one decoder differ from another: data where it can be. */
export interface Config {
  readonly architecture: Architecture;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  readonly vocabulary: number;
  /** The longest sequence that the model was made for. */
  readonly context: number;
  readonly epsilon: number;
  readonly tiedEmbeddings: boolean;
  readonly activation: 'silu' | 'gelu';
  /** Scores of queries and keys are multiplied by it. */
  readonly attentionScale: number;
  /** Query, key and value projections carry a bias (Qwen2). */
  readonly projectionBias: boolean;
  /** The attention's output projection carries a bias (Llama with attention_bias). */
  readonly outputBias: boolean;
  /** The MLP's three maps carry a bias (Llama with mlp_bias). */
  readonly mlpBias: boolean;
  /** Queries and keys are normalized per head (Qwen3, Gemma 3). */
  readonly qkNorm: boolean;
  /** What attention and MLP give is normalized before it is added (Gemma 3). */
  readonly outputNorms: boolean;
  /** Norm weights are stored as offsets from 1 (Gemma). */
  readonly normOffset: 0 | 1;
  readonly embeddingScale: number;
  /** By layer: how many positions are seen, counted from the own one; undefined is all. */
  readonly slidingWindows: readonly (number | undefined)[];
  readonly rope: Rope;
  /** Layers with a window rotate by it where it differs (Gemma 3). */
  readonly windowRope: Rope;
}

export const architectures = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma3_text'] as const;
export type Architecture = (typeof architectures)[number];

type Json = Readonly<Record<string, unknown>>;

const mostLayers = 10_000; // lists of this length are allocated before any tensor is checked

/** Reads the configuration of a checkpoint (config.json). @throws CriaError naming the key that is missing or wrong. */
export function configFrom(json: Json, where: string): Config {
  const architecture = architectureOf(json, where);
  const number = (key: string, otherwise?: number): number => {
    const given = json[key] ?? otherwise;
    if (typeof given !== 'number' || !Number.isFinite(given) || given <= 0) {
      throw new CriaError(`config.json has no valid ${key}`, {
        where,
        remedy: 'download the checkpoint again',
      });
    }
    return given;
  };
  const whole = (key: string, otherwise?: number, most = 2 ** 31): number => {
    const given = number(key, otherwise);
    if (!Number.isInteger(given) || given > most)
      throw new CriaError(`config.json: ${key} must be an integer of at most ${most} (got ${given})`, { where });
    return given;
  };
  const gemma = architecture === 'gemma3_text';
  const width = whole('hidden_size');
  const heads = whole('num_attention_heads');
  const keyValueHeads = whole('num_key_value_heads', heads);
  const statedSize = json.head_dim ?? (gemma ? 256 : architecture === 'qwen3' ? 128 : undefined);
  if (statedSize === undefined && width % heads !== 0) {
    throw new CriaError(`config.json: hidden_size ${width} is not a multiple of num_attention_heads ${heads}`, {
      where,
    });
  }
  const headSize = whole('head_dim', (statedSize as number | undefined) ?? width / heads);
  if (heads % keyValueHeads !== 0) {
    throw new CriaError(
      `config.json: num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyValueHeads}`,
      { where },
    );
  }
  const layers = whole('num_hidden_layers', undefined, mostLayers);
  const positions = whole('max_position_embeddings', 2048);
  const rope = ropeFrom({ rope_theta: gemma ? 1e6 : 1e4, ...json }, { headSize, context: positions, where });
  refuseUnread(json, where);
  return {
    architecture,
    layers,
    hiddenSize: width,
    heads,
    keyValueHeads,
    headSize,
    intermediateSize: whole('intermediate_size'),
    vocabulary: whole('vocab_size'),
    context: contextOf(rope, positions),
    epsilon: number('rms_norm_eps', 1e-6),
    tiedEmbeddings: json.tie_word_embeddings === undefined ? gemma : json.tie_word_embeddings === true,
    activation: activationOf(json, where),
    attentionScale: gemma ? number('query_pre_attn_scalar', 256) ** -0.5 : headSize ** -0.5,
    projectionBias: architecture === 'qwen2' || json.attention_bias === true,
    outputBias: architecture !== 'qwen2' && json.attention_bias === true,
    mlpBias: architecture === 'llama' && json.mlp_bias === true,
    qkNorm: architecture === 'qwen3' || gemma,
    outputNorms: gemma,
    normOffset: gemma ? 1 : 0,
    embeddingScale: gemma ? Math.sqrt(width) : 1,
    slidingWindows: windowsOf(json, architecture, layers, where),
    rope,
    windowRope: gemma ? plainRope(json, headSize, where) : rope,
  };
}

function architectureOf(json: Json, where: string): Architecture {
  const type = json.model_type;
  const known = architectures.find((name) => name === type);
  if (known) return known;
  throw new CriaError(`the architecture ${JSON.stringify(type ?? null)} is not supported`, {
    where,
    remedy: `supported: ${architectures.join(', ')}`,
  });
}

function activationOf(json: Json, where: string): 'silu' | 'gelu' {
  const name = json.hidden_activation ?? json.hidden_act ?? 'silu';
  if (name === 'silu' || name === 'swish') return 'silu';
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu';
  throw new CriaError(`the activation ${JSON.stringify(name)} is not supported`, { where });
}

/** Parts that cria does not compute are refused: ignoring them would give wrong results. */
function refuseUnread(json: Json, where: string): void {
  const part = ['attn_logit_softcapping', 'final_logit_softcapping', 'use_bidirectional_attention'].find(
    (key) => json[key] !== undefined && json[key] !== null && json[key] !== false,
  );
  if (part) throw new CriaError(`config.json: ${part} is not supported`, { where });
  if (json.quantization_config) {
    const method = JSON.stringify((json.quantization_config as Json).quant_method ?? null);
    throw new CriaError(`config.json: weights quantized by ${method} are not supported`, {
      where,
      remedy: 'supported: gptq, awq, compressed-tensors, bitsandbytes; use the checkpoint in bf16 or GGUF',
    });
  }
  if (![undefined, null, true, false].some((known) => known === json.attention_bias)) {
    throw new CriaError(
      `config.json: attention_bias must be true or false (got ${JSON.stringify(json.attention_bias)})`,
      { where },
    );
  }
}

/** How far each layer sees, as transformers has it: Llama has no windows, Mistral one for all layers. */
function windowsOf(json: Json, architecture: Architecture, layers: number, where: string): (number | undefined)[] {
  const window = json.sliding_window ?? undefined;
  const all = Array.from({ length: layers }, (_, i) => i);
  const off = json.use_sliding_window === false && architecture !== 'mistral';
  if (architecture === 'llama' || window === undefined || off) return all.map(() => undefined);
  if (typeof window !== 'number' || !Number.isInteger(window) || window < 1) {
    throw new CriaError(`config.json: sliding_window must be a positive integer (got ${JSON.stringify(window)})`, {
      where,
    });
  }
  if (architecture === 'mistral') return all.map(() => window);
  if (Array.isArray(json.layer_types)) {
    const types = json.layer_types;
    if (types.length !== layers) {
      throw new CriaError(`config.json: layer_types has ${types.length} entries for ${layers} layers`, { where });
    }
    const other = types.find((type) => type !== 'sliding_attention' && type !== 'full_attention');
    if (other !== undefined)
      throw new CriaError(`config.json: layer_types has the unsupported type ${JSON.stringify(other)}`, { where });
    return all.map((i) => (types[i] === 'sliding_attention' ? window : undefined));
  }
  if (architecture === 'gemma3_text') {
    // every sixth layer sees everything (Gemma 3 technical report, section 2)
    const pattern = json.sliding_window_pattern ?? 6;
    if (typeof pattern !== 'number' || !(pattern >= 1)) {
      throw new CriaError(`config.json: sliding_window_pattern must be at least 1 (got ${JSON.stringify(pattern)})`, {
        where,
      });
    }
    return all.map((i) => ((i + 1) % pattern === 0 ? undefined : window));
  }
  if (json.use_sliding_window !== true) return all.map(() => undefined);
  const from = typeof json.max_window_layers === 'number' ? json.max_window_layers : layers;
  return all.map((i) => (i >= from ? window : undefined));
}

/** Gemma 3's layers with a window rotate by a base of their own, unscaled. */
function plainRope(json: Json, headSize: number, where: string): Rope {
  const nested = json.rope_parameters as Json | undefined;
  const own = (nested?.sliding_attention as Json | undefined)?.rope_theta;
  const theta = json.rope_local_base_freq ?? own ?? 10_000;
  if (typeof theta !== 'number' || !(theta > 0)) {
    throw new CriaError(`config.json: rope_local_base_freq must be positive (got ${JSON.stringify(theta)})`, { where });
  }
  return { type: 'default', theta, rotated: headSize };
}
