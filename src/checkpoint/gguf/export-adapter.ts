import { CriaError } from '../../base/index.ts';
import { type LoraAdapter, largestRank, rescaled } from '../peft/adapter.ts';
import { float32ToPlain } from '../plain.ts';
import type { MetadataValue } from '../types.ts';
import { architectureOfModelType, interleavedRows, toGgufName } from './architecture.ts';
import { interleave } from './interleave.ts';
import type { Config } from './metadata-from-config.ts';
import type { GgufContents, GgufTensor } from './write.ts';

/**
 * A GGUF file of LoRA in float32, for a model of this configuration; rows of B stand as the model's own rows do.
 * llama.cpp divides one alpha by the rank of each tensor: B is multiplied so that every product keeps its scale, and
 * stays as it is where ranks and scales are even. (llama.cpp: convert_lora_to_gguf.py, llama-adapter.h)
 * @throws CriaError for modules and architectures that GGUF has no name for.
 */
export function ggufFromLora(adapter: LoraAdapter, config: Config, where: string): GgufContents {
  const architecture = architectureOfModelType(config.model_type, where);
  const rank = largestRank(adapter);
  const alpha = rank * ([...adapter.modules.values()][0]?.scale ?? 1);
  const tensors = [...adapter.modules].flatMap(([path, module]): GgufTensor[] => {
    const weight = `${path}.weight`;
    const isShared = path === 'lm_head' && config.tie_word_embeddings === true;
    const name = isShared ? undefined : toGgufName(architecture, weight);
    if (name === undefined) {
      const what = `a GGUF file of the architecture ${architecture.name} has no ${path} of its own`;
      throw new CriaError(what, { where, remedy: 'fold the adapter into the weights with cria merge' });
    }
    const { a, b, inner, out } = rescaled(module, alpha / module.rank);
    const headRows = interleavedRows(architecture, { name: weight, shape: [out, module.rank] }, config, where);
    const rows = float32ToPlain('F32', b);
    const ordered = () => (headRows ? interleave(rows, rows.length / out, headRows) : rows);
    return [
      { name: `${name}.lora_a`, shape: [module.rank, inner], type: 'F32', bytes: () => float32ToPlain('F32', a) },
      { name: `${name}.lora_b`, shape: [out, module.rank], type: 'F32', bytes: ordered },
    ];
  });
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', architecture.name],
    ['general.type', 'adapter'],
    ['adapter.type', 'lora'],
    ['adapter.lora.alpha', alpha],
    ['general.file_type', 0], // all F32 (llama.h, llama_ftype)
  ]);
  return { metadata, types: new Map([['adapter.lora.alpha', 'f32']]), tensors };
}
