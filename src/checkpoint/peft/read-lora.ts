import { CriaError } from '../../base/index.ts';
import { quoted } from '../json.ts';
import { placeOf } from '../safetensors-header.ts';
import { type LoraAdapter, type LoraModule, loraScale } from './adapter.ts';
import { describeLora, startKey, variantsIn } from './describe-lora.ts';
import type { AdapterFiles } from './files.ts';

/** Reads plain LoRA. @throws CriaError where it is more than that, or not sound. */
export function readLora(files: AdapterFiles): LoraAdapter {
  refuseVariants(files);
  const { weights } = files;
  const { base, rslora, modules, others } = describeLora(files);
  const [other] = others;
  if (other !== undefined) {
    const what = other.includes('lora_embedding_') ? 'LoRA of embeddings is' : 'tensors of this name are';
    throw new CriaError(`${what} not supported`, {
      where: placeOf(weights.path, other),
      remedy: 'supported: base_model.model.MODULE.lora_A.weight and lora_B.weight',
    });
  }
  const read = [...modules].map(([path, { rank, alpha, inner, out, a, b }]): [string, LoraModule] => {
    const values = { a: weights.readFloat32(a.name), b: weights.readFloat32(b.name) };
    return [path, { rank, alpha, scale: loraScale(alpha, rank, rslora), inner, out, ...values }];
  });
  return { kind: 'lora', base, modules: new Map(read), rslora };
}

function refuseVariants({ config, where }: AdapterFiles): void {
  const [key] = variantsIn(config);
  if (key === undefined) return;
  if (key !== startKey) throw new CriaError(`LoRA with ${key} is not supported`, { where });
  const how = quoted(String(config[startKey]));
  throw new CriaError(`LoRA that was started by ${how} changes the base model, which is not supported`, {
    where,
    remedy: 'convert it to plain LoRA when it is saved (path_initial_model_for_weight_conversion in PEFT)',
  });
}
