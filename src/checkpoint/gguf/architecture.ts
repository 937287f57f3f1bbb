import { CriaError } from '../../base/index.ts';
import type { MetadataValue } from '../types.ts';

/** What a GGUF file of an architecture calls things, and how it stores them differently from Hugging Face. */
export interface Architecture {
  /** `general.architecture`, the prefix of its metadata keys. */
  readonly name: string;
  /** Hugging Face's `model_type` and `architectures[0]`. */
  readonly modelType: string;
  readonly className: string;
  /** Whether the rows of query and key heads are interleaved for rotary embedding of neighbours. */
  readonly interleaved: boolean;
  /** Whether norm weights are stored with the 1 added that Hugging Face's code adds when it runs. */
  readonly shiftedNorms: boolean;
  /** Modules of a layer: GGUF's name to Hugging Face's. */
  readonly modules: ReadonlyMap<string, string>;
}

const attentionAndMlp = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const twoNorms = { ...attentionAndMlp, ffn_norm: 'post_attention_layernorm' };
const qkNorms = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };
const fourNorms = {
  ...attentionAndMlp,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

const llama = { name: 'llama', interleaved: true, shiftedNorms: false, modules: modulesOf(twoNorms) };

/** The architectures that are read and written, as llama.cpp's converter writes them. */
const architectures: readonly Architecture[] = [
  { ...llama, modelType: 'llama', className: 'LlamaForCausalLM' },
  { ...llama, modelType: 'mistral', className: 'MistralForCausalLM' },
  {
    name: 'qwen2',
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    interleaved: false,
    shiftedNorms: false,
    modules: modulesOf(twoNorms),
  },
  {
    name: 'qwen3',
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    interleaved: false,
    shiftedNorms: false,
    modules: modulesOf({ ...twoNorms, ...qkNorms }),
  },
  {
    name: 'gemma3',
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    interleaved: false,
    shiftedNorms: true,
    modules: modulesOf({ ...fourNorms, ...qkNorms }),
  },
];

/**
 * The architecture of a GGUF file. llama.cpp calls Mistral llama too; only a Mistral has a sliding window.
 * @throws CriaError for those that are not read.
 */
export function architectureOfGguf(values: ReadonlyMap<string, MetadataValue>, where: string): Architecture {
  const name = values.get('general.architecture');
  if (name === undefined) throw new CriaError('general.architecture is missing from its header', { where });
  const modelType = name === 'llama' && values.has('llama.attention.sliding_window') ? 'mistral' : undefined;
  return choose(where, String(name), (each) => each.name === name && (!modelType || each.modelType === modelType));
}

/** The architecture of a Hugging Face `model_type`. @throws CriaError for those that are not written. */
export function architectureOfModelType(modelType: unknown, where: string): Architecture {
  return choose(where, String(modelType), (each) => each.modelType === modelType);
}

function choose(where: string, name: string, fits: (architecture: Architecture) => boolean): Architecture {
  const found = architectures.find(fits);
  if (found) return found;
  const known = architectures.map(({ modelType }) => modelType).join(', ');
  throw new CriaError(`the architecture ${JSON.stringify(name.slice(0, 40))} is not supported in GGUF`, {
    where,
    remedy: `supported: ${known}`,
  });
}

const ends = new Map([
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
]);

/** Hugging Face's name of a tensor of a GGUF file, or undefined where the architecture has none of that name. */
export function toHuggingFaceName(architecture: Architecture, name: string): string | undefined {
  const [, layer, module, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (!module) return ends.get(name);
  const renamed = architecture.modules.get(module);
  return renamed && `model.layers.${layer}.${renamed}.${kind}`;
}

/** GGUF's name of a tensor of a Hugging Face checkpoint, or undefined where it has none. */
export function toGgufName(architecture: Architecture, name: string): string | undefined {
  const [, layer, module, kind] = /^model\.layers\.(\d+)\.([\w.]+)\.(weight|bias)$/.exec(name) ?? [];
  if (!module) return keyOf(ends, name);
  const renamed = keyOf(architecture.modules, module);
  return renamed && `blk.${layer}.${renamed}.${kind}`;
}

/** Whether a tensor (by its Hugging Face name) is stored with 1 added. */
export function isShifted(architecture: Architecture, name: string): boolean {
  return architecture.shiftedNorms && name.endsWith('norm.weight');
}

/**
 * How many rows of a tensor (by its Hugging Face name) make a head within which they are interleaved; undefined
 * where they stand in order. @throws CriaError where the heads of the configuration do not divide the rows.
 */
export function interleavedRows(
  architecture: Architecture,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  config: Readonly<Record<string, unknown>>,
  where: string,
): number | undefined {
  const [, role] = /\.([qk])_proj\.(?:weight|bias)$/.exec(name) ?? [];
  if (!role || !architecture.interleaved) return undefined;
  const heads = Number(
    role === 'q' ? config.num_attention_heads : (config.num_key_value_heads ?? config.num_attention_heads),
  );
  const rows = (shape[0] ?? 0) / heads;
  if (rows > 0 && rows % 2 === 0) return rows;
  throw new CriaError(`its ${shape[0]} rows are not ${heads} heads of an even size`, { where });
}

function keyOf(map: ReadonlyMap<string, string>, value: string): string | undefined {
  for (const [key, other] of map) if (other === value) return key;
  return undefined;
}

function modulesOf(names: Record<string, string>): ReadonlyMap<string, string> {
  return new Map(Object.entries(names));
}
