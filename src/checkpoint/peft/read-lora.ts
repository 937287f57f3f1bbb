import { CriaError } from '../../base/index.ts';
import { quoted } from '../json.ts';
import { placeOf } from '../safetensors-header.ts';
import type { StoredTensor } from '../types.ts';
import { type LoraAdapter, type LoraModule, loraScale, type SavedTensor } from './adapter.ts';
import { describeLora, startKey, variantsIn } from './describe-lora.ts';
import type { AdapterFiles } from './files.ts';

/**
 * Reads LoRA, with the magnitudes of DoRA, modules_to_save and trained biases.
 * @throws CriaError where it is more than that, or not sound.
 */
export function readLora(files: AdapterFiles): LoraAdapter {
  refuseVariants(files);
  const { config, weights } = files;
  const { base, rslora, modules, others } = describeLora(files);
  const magnitudes = new Map<string, string>();
  const replaced = new Map<string, SavedTensor>();
  for (const name of others) {
    const [, module] = magnitudeKey.exec(name) ?? [];
    const [, path, part] = savedKey.exec(name) ?? [];
    if (config.use_dora === true && module !== undefined && modules.has(module)) magnitudes.set(module, name);
    else if (path !== undefined && part !== undefined && isSaved(path, part, config)) {
      const { shape } = weights.tensors.get(name) as StoredTensor;
      replaced.set(`${path}.${part}`, { shape, data: weights.readFloat32(name) });
    } else throw unknown(weights.path, name);
  }
  const absent = Array.isArray(config.modules_to_save)
    ? config.modules_to_save.find((name) => ![...replaced.keys()].some((key) => `.${key}`.includes(`.${name}.`)))
    : undefined;
  if (absent !== undefined) {
    const what = `names ${String(absent).slice(0, 100)} in modules_to_save, but holds no tensor of it`;
    throw new CriaError(what, { where: weights.path, remedy: 'save the adapter again' });
  }
  const read = [...modules].map(([path, { rank, alpha, inner, out, a, b }]): [string, LoraModule] => {
    const values = { a: weights.readFloat32(a.name), b: weights.readFloat32(b.name) };
    const module = { rank, alpha, scale: loraScale(alpha, rank, rslora), inner, out, ...values };
    if (config.use_dora !== true) return [path, module];
    const name = magnitudes.get(path);
    const magnitude = name === undefined ? undefined : weights.readFloat32(name);
    if (magnitude?.length === out) return [path, { ...module, magnitude }];
    throw new CriaError(`has no lora_magnitude_vector of ${out} rows for ${path}`, { where: weights.path });
  });
  const tiesSaved = config.ensure_weight_tying === true;
  return { kind: 'lora', base, modules: new Map(read), rslora, ...(replaced.size > 0 ? { replaced, tiesSaved } : {}) };
}

const magnitudeKey = /^base_model\.model\.([\w.]{1,200}?)\.lora_magnitude_vector(?:\.weight)?$/;
const savedKey = /^base_model\.model\.([\w.]{1,200}?)(?:\.modules_to_save(?:\.default)?|\.base_layer)?\.(weight|bias)$/;

/** Whether the configuration says that a tensor of the model is stored with the adapter. */
function isSaved(path: string, part: string, { modules_to_save: saved, bias }: AdapterFiles['config']): boolean {
  const isBias = part === 'bias' && (bias === 'all' || bias === 'lora_only');
  const isModule = Array.isArray(saved) && saved.some((name) => path.endsWith(String(name))); // as PEFT finds them
  return isBias || isModule;
}

function unknown(file: string, name: string): CriaError {
  const what = name.includes('lora_embedding_') ? 'LoRA of embeddings is' : 'tensors of this name are';
  return new CriaError(`${what} not supported`, {
    where: placeOf(file, name),
    remedy:
      'supported: base_model.model.MODULE.lora_A.weight, lora_B.weight and lora_magnitude_vector, and saved modules',
  });
}

/** Keys beyond plain LoRA that are read. */
const readKeys = ['use_dora', 'modules_to_save', 'bias'];

function refuseVariants({ config, where }: AdapterFiles): void {
  const key = variantsIn(config).find((each) => !readKeys.includes(each));
  if (key === undefined) return;
  if (key !== startKey) throw new CriaError(`LoRA with ${key} is not supported`, { where });
  const how = quoted(String(config[startKey]));
  throw new CriaError(`LoRA initialised with ${how} changes the base model, which is not supported`, {
    where,
    remedy: 'save it as plain LoRA (path_initial_model_for_weight_conversion in PEFT)',
  });
}
