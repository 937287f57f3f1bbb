import { join } from 'node:path';
import { CriaError, writeFileAtomically } from '../../base/index.ts';
import { float32ToPlain } from '../plain.ts';
import { writeSafetensors } from '../safetensors-write.ts';
import {
  type Adapter,
  type LoraAdapter,
  type LoraModule,
  type PrefixAdapter,
  type PromptAdapter,
  rescaled,
} from './adapter.ts';

/**
 * Writes an adapter into a folder as PEFT does, in float32: adapter_config.json and adapter_model.safetensors. The
 * same adapter gives the same bytes.
 *
 * LoRA of one rank and scale is written with the r and lora_alpha that it has. Where they differ every scale is made 1
 * (B is multiplied by what it was, alpha is the rank): PEFT takes alpha_pattern / rank_pattern, vLLM
 * lora_alpha / r for all modules, and both are 1 then. llama.cpp divides its one alpha by each tensor's own rank:
 * see `ggufFromLora`.
 * @throws CriaError when the adapter adapts nothing.
 */
export async function writeAdapter(folder: string, adapter: Adapter): Promise<void> {
  const { config, tensors } = contentsOf(adapter);
  const common = {
    base_model_name_or_path: adapter.base,
    inference_mode: true,
    revision: null,
    task_type: 'CAUSAL_LM',
  };
  const text = `${JSON.stringify(sorted({ ...common, ...config }), null, 2)}\n`;
  await writeFileAtomically(join(folder, 'adapter_config.json'), (append) => append(new TextEncoder().encode(text)));
  await writeSafetensors(
    join(folder, 'adapter_model.safetensors'),
    tensors.map(({ name, shape, data }) => {
      return { name, shape, type: 'F32' as const, bytes: () => float32ToPlain('F32', data) };
    }),
  );
}

interface Contents {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array;
  }[];
}

function contentsOf(adapter: Adapter): Contents {
  if (adapter.kind === 'lora') return loraContents(adapter);
  return adapter.kind === 'prompt' ? promptContents(adapter) : prefixContents(adapter);
}

function loraContents({ modules, rslora }: LoraAdapter): Contents {
  const given = [...modules].sort(([a], [b]) => inModelOrder.compare(a, b));
  const first = given[0]?.[1];
  if (!first) throw new CriaError('an adapter without modules cannot be written', { kind: 'failure' });
  const uniform = given.every(([, { rank, alpha }]) => rank === first.rank && alpha === first.alpha);
  const all = uniform ? given : given.map(([path, module]) => [path, atScaleOne(module)] as const);
  const r = Math.max(...all.map(([, { rank }]) => rank)); // servers reserve room for the rank that is stated
  const uneven = all.filter(([, { rank }]) => rank !== r);
  const tensors = all.flatMap(([path, { rank, inner, out, a, b }]) => [
    { name: `base_model.model.${path}.lora_A.weight`, shape: [rank, inner], data: a },
    { name: `base_model.model.${path}.lora_B.weight`, shape: [out, rank], data: b },
  ]);
  const config = {
    peft_type: 'LORA',
    r,
    lora_alpha: uniform ? first.alpha : r,
    rank_pattern: Object.fromEntries(uneven.map(([path, { rank }]) => [path, rank])),
    alpha_pattern: Object.fromEntries(uneven.map(([path, { alpha }]) => [path, alpha])),
    use_rslora: uniform && rslora,
    target_modules: all.map(([path]) => path),
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    lora_dropout: 0,
    modules_to_save: null,
    use_dora: false,
  };
  return { config, tensors };
}

/** The order of layers: layers.10 stands behind layers.2. */
const inModelOrder = new Intl.Collator('en', { numeric: true });

/** The same update with alpha equal to the rank, which is a scale of 1 in plain LoRA. */
function atScaleOne(module: LoraModule): LoraModule {
  return { ...rescaled(module, 1), alpha: module.rank };
}

function promptContents({ tokens, width, embeddings }: PromptAdapter): Contents {
  return {
    config: { peft_type: 'PROMPT_TUNING', ...virtualTokens(tokens, width), prompt_tuning_init: 'RANDOM' },
    tensors: [{ name: 'prompt_embeddings', shape: [tokens, width], data: embeddings }],
  };
}

function prefixContents({ tokens, heads, headSize, keys, values }: PrefixAdapter): Contents {
  const width = heads * headSize;
  const row = 2 * keys.length * width;
  const data = new Float32Array(tokens * row);
  for (const [index, part] of keys.flatMap((key, layer) => [key, values[layer] as Float32Array]).entries()) {
    for (let t = 0; t < tokens; t++) data.set(part.subarray(t * width, (t + 1) * width), t * row + index * width);
  }
  const sizes = { num_layers: keys.length, num_attention_heads: heads };
  return {
    config: { peft_type: 'PREFIX_TUNING', ...virtualTokens(tokens, width), ...sizes, prefix_projection: false },
    tensors: [{ name: 'prompt_embeddings', shape: [tokens, row], data }],
  };
}

const virtualTokens = (tokens: number, width: number) => ({
  num_virtual_tokens: tokens,
  token_dim: width,
  num_transformer_submodules: 1,
});

function sorted(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
}
