import { CriaError } from '../../base/index.ts';
import { isObject, quoted } from '../json.ts';
import { placeOf } from '../safetensors-header.ts';
import type { StoredTensor } from '../types.ts';
import { type LoraAdapter, type LoraModule, loraScale } from './adapter.ts';
import { type AdapterFiles, baseOf, shown } from './files.ts';

type Config = AdapterFiles['config'];

/** What changes the mathematics of LoRA, and the values with which it does not. */
const unsupported: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  use_dora: [false],
  use_qalora: [false],
  use_bdlora: [],
  lora_bias: [false],
  fan_in_fan_out: [false],
  modules_to_save: [],
  trainable_token_indices: [],
  layer_replication: [],
  target_parameters: [],
  alora_invocation_tokens: [],
  arrow_config: [],
  kasa_config: [],
  monteclora_config: [],
  megatron_config: [],
  velora_config: [],
};

/** Initialisations that leave the base as it is: the others take the first product off its weights. */
const plainStarts: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

const keyPattern = /^base_model\.model\.([\w.]{1,200})\.lora_([AB])\.weight$/;

/** Reads LoRA: ranks are those of the tensors, and the configuration has to say the same. */
export function readLora({ config, where, weights }: AdapterFiles): LoraAdapter {
  refuseUnsupported(config, where);
  const rslora = config.use_rslora === true;
  const rankOf = patternOf(config, where, 'rank_pattern', 'r');
  const alphaOf = patternOf(config, where, 'alpha_pattern', 'lora_alpha');
  const modules = new Map<string, LoraModule>();
  for (const [path, { a, b }] of pairsIn(weights.tensors, weights.path)) {
    const [[rank, inner], [out, columns]] = [matrixShape(a), matrixShape(b)];
    if (columns !== rank) {
      const what = `has rank ${columns} where lora_A has rank ${rank}`;
      throw new CriaError(what, { where: placeOf(b.file, b.name) });
    }
    const stated = rankOf(path);
    if (stated !== rank) {
      throw new CriaError(`has rank ${rank}, but adapter_config.json says ${stated}`, {
        where: placeOf(a.file, a.name),
        remedy: 'adapter_config.json and adapter_model.safetensors do not belong together',
      });
    }
    const alpha = alphaOf(path);
    const values = { a: weights.readFloat32(a.name), b: weights.readFloat32(b.name) };
    modules.set(path, { rank, alpha, scale: loraScale(alpha, rank, rslora), inner, out, ...values });
  }
  if (modules.size === 0) throw new CriaError('adapts no module', { where: weights.path });
  return { kind: 'lora', base: baseOf(config), modules, rslora };
}

function refuseUnsupported(config: Config, where: string): void {
  for (const [key, harmless] of Object.entries(unsupported)) {
    const given = config[key];
    if (given === undefined || given === null || harmless.includes(given)) continue;
    if (Array.isArray(given) && given.length === 0) continue;
    throw new CriaError(`LoRA with ${key} is not supported`, { where });
  }
  if (plainStarts.includes(config.init_lora_weights)) return;
  const how = quoted(String(config.init_lora_weights));
  throw new CriaError(`LoRA that was started by ${how} changes the base model, which is not supported`, {
    where,
    remedy: 'convert it to plain LoRA when it is saved (path_initial_model_for_weight_conversion in PEFT)',
  });
}

/** The tensors lora_A and lora_B of every module, in the order of the file. */
function pairsIn(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
): Map<string, { a: StoredTensor; b: StoredTensor }> {
  const halves = new Map<string, Partial<Record<'A' | 'B', StoredTensor>>>();
  for (const [name, tensor] of tensors) {
    if (isCopyOfHead(tensor, tensors)) continue;
    const [, path, half] = keyPattern.exec(name) ?? [];
    if (path === undefined) {
      const what = name.includes('lora_embedding_') ? 'LoRA of embeddings is' : 'tensors of this name are';
      throw new CriaError(`${what} not supported`, {
        where: placeOf(file, name),
        remedy: 'supported: base_model.model.MODULE.lora_A.weight and lora_B.weight',
      });
    }
    halves.set(path, { ...halves.get(path), [half as 'A' | 'B']: tensor });
  }
  const pairs = new Map<string, { a: StoredTensor; b: StoredTensor }>();
  for (const [path, { A: a, B: b }] of halves) {
    if (!a || !b) throw new CriaError(`has only one of lora_A and lora_B of ${path}`, { where: file });
    pairs.set(path, { a, b });
  }
  return pairs;
}

/** PEFT stores the base's own head beside a LoRA of it: its shape is compared, so that a resized one is refused. */
function isCopyOfHead({ name, shape }: StoredTensor, tensors: ReadonlyMap<string, StoredTensor>): boolean {
  if (name !== 'base_model.model.lm_head.base_layer.weight') return false;
  const half = (letter: string) => tensors.get(`base_model.model.lm_head.lora_${letter}.weight`)?.shape;
  return String(shape) === String([half('B')?.[0], half('A')?.[1]]);
}

function matrixShape({ shape, file, name }: StoredTensor): readonly [number, number] {
  if (shape.length === 2 && !shape.includes(0)) return shape as unknown as readonly [number, number];
  throw new CriaError(`has the shape [${shape.slice(0, 8).join(', ')}], not that of a matrix`, {
    where: placeOf(file, name),
  });
}

/**
 * A number by module: that of the first key of `patternKey` that matches (.*\.)?(KEY)$ from the start of the path, as
 * PEFT matches them, else the one that `key` gives to all.
 */
function patternOf(config: Config, where: string, patternKey: string, key: string): (path: string) => number {
  const common = positive(config[key], where, key);
  const pattern = config[patternKey] ?? {};
  if (!isObject(pattern)) throw new CriaError(`its ${patternKey} is not an object`, { where });
  const count = Object.keys(pattern).length;
  if (count > mostRules) throw new CriaError(`its ${patternKey} has ${count} keys, more than ${mostRules}`, { where });
  const rules = Object.entries(pattern).map(([rule, number]) => ({
    matches: matcher(rule, where),
    number: positive(number, where, `${patternKey} ${quoted(rule)}`),
  }));
  return (path) => rules.find(({ matches }) => matches(path))?.number ?? common;
}

function positive(value: unknown, where: string, key: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new CriaError(`its ${key} is ${shown(value)}, not a number above 0`, { where });
}

const mostRules = 10_000; // a key for every module of the largest models
const mostRepeats = 2; // paths are short: so many repetitions cannot be made to take long

function matcher(rule: string, where: string): (path: string) => boolean {
  const repeats = rule.match(/[*+{]/g)?.length ?? 0;
  if (repeats <= mostRepeats && rule.length <= 1000 && !/\)[*+{]/.test(rule)) {
    try {
      const expression = new RegExp(`^(.*\\.)?(${rule})$`);
      return (path) => expression.test(path);
    } catch {
      // said below
    }
  }
  const what = `the pattern ${quoted(rule)} is not one that cria reads`;
  throw new CriaError(what, { where, remedy: 'write the full path of the module' });
}
