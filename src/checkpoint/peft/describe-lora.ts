import { CriaError } from '../../base/index.ts';
import { isObject, quoted } from '../json.ts';
import { placeOf } from '../safetensors-header.ts';
import type { StoredTensor } from '../types.ts';
import type { LoraModule } from './adapter.ts';
import { type AdapterFiles, baseOf, shown } from './files.ts';

type Config = AdapterFiles['config'];

/** A LoRA folder without its numbers, and what in it is more than plain LoRA. */
export interface LoraDescription {
  readonly kind: 'lora';
  readonly base: string;
  /** `r` and `lora_alpha`, which hold where no pattern says otherwise. */
  readonly rank: number;
  readonly alpha: number;
  /** Scales are alpha / sqrt(rank) instead of alpha / rank. (Kalajdzievski 2023) */
  readonly rslora: boolean;
  /** By path, in the order of the file. */
  readonly modules: ReadonlyMap<string, DescribedModule>;
  /** Keys of the configuration that change what is computed. */
  readonly variants: readonly string[];
  /** Names of tensors that are neither lora_A nor lora_B of a linear map. */
  readonly others: readonly string[];
}

export interface DescribedModule extends Pick<LoraModule, 'rank' | 'alpha' | 'inner' | 'out'> {
  /** Whether a pattern gave them. */
  readonly patterned: { readonly rank: boolean; readonly alpha: boolean };
  readonly a: StoredTensor;
  readonly b: StoredTensor;
}

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

/**
 * Describes LoRA: ranks are those of the tensors, and the configuration has to say the same.
 * @throws CriaError when parts disagree, or nothing is adapted.
 */
export function describeLora({ config, where, weights }: AdapterFiles): LoraDescription {
  const [rank, alpha] = [positive(config.r, where, 'r'), positive(config.lora_alpha, where, 'lora_alpha')];
  const rankOf = patternOf(config, where, 'rank_pattern');
  const alphaOf = patternOf(config, where, 'alpha_pattern');
  const { pairs, others } = pairsIn(weights.tensors, weights.path);
  const modules = new Map<string, DescribedModule>();
  for (const [path, { a, b }] of pairs) {
    const [[rows, inner], [out, columns]] = [matrixShape(a), matrixShape(b)];
    if (columns !== rows) {
      const what = `has rank ${columns} where lora_A has rank ${rows}`;
      throw new CriaError(what, { where: placeOf(b.file, b.name) });
    }
    const [ownRank, ownAlpha] = [rankOf(path), alphaOf(path)];
    if ((ownRank ?? rank) !== rows) {
      throw new CriaError(`has rank ${rows}, but adapter_config.json says ${ownRank ?? rank}`, {
        where: placeOf(a.file, a.name),
        remedy: 'adapter_config.json and adapter_model.safetensors are of different adapters',
      });
    }
    const patterned = { rank: ownRank !== undefined, alpha: ownAlpha !== undefined };
    modules.set(path, { rank: rows, alpha: ownAlpha ?? alpha, inner, out, patterned, a, b });
  }
  if (modules.size === 0) {
    const remedy = `its tensors are named ${others.slice(0, 2).map(quoted).join(', ') || '(there are none)'}`;
    throw new CriaError('adapts no module', { where: weights.path, remedy });
  }
  const rslora = config.use_rslora === true;
  return { kind: 'lora', base: baseOf(config), rank, alpha, rslora, modules, variants: variantsIn(config), others };
}

/** The keys that make an adapter more than plain LoRA. */
export function variantsIn(config: Config): string[] {
  const changed = Object.entries(unsupported).filter(([key, harmless]) => {
    const given = config[key];
    const isEmpty = given === undefined || given === null || (Array.isArray(given) && given.length === 0);
    return !isEmpty && !harmless.includes(given);
  });
  const start = plainStarts.includes(config.init_lora_weights) ? [] : [startKey];
  return [...changed.map(([key]) => key), ...start];
}

/** The key of an adapter that began with a change of the base model. */
export const startKey = 'init_lora_weights';

/** The tensors lora_A and lora_B of every module, in the order of the file, and the names of all others. */
function pairsIn(tensors: ReadonlyMap<string, StoredTensor>, file: string) {
  const halves = new Map<string, Partial<Record<'A' | 'B', StoredTensor>>>();
  const others: string[] = [];
  for (const [name, tensor] of tensors) {
    if (isCopyOfHead(tensor, tensors)) continue;
    const [, path, half] = keyPattern.exec(name) ?? [];
    if (path === undefined) others.push(name);
    else halves.set(path, { ...halves.get(path), [half as 'A' | 'B']: tensor });
  }
  const pairs = new Map<string, { a: StoredTensor; b: StoredTensor }>();
  for (const [path, { A: a, B: b }] of halves) {
    if (!a || !b) throw new CriaError(`lacks lora_A or lora_B of ${path}`, { where: file });
    pairs.set(path, { a, b });
  }
  return { pairs, others };
}

/** PEFT stores the base's own head beside a LoRA of it: its shape is compared, so that a resized one is refused. */
function isCopyOfHead({ name, shape }: StoredTensor, tensors: ReadonlyMap<string, StoredTensor>): boolean {
  if (name !== 'base_model.model.lm_head.base_layer.weight') return false;
  const half = (letter: string) => tensors.get(`base_model.model.lm_head.lora_${letter}.weight`)?.shape;
  return String(shape) === String([half('B')?.[0], half('A')?.[1]]);
}

function matrixShape({ shape, file, name }: StoredTensor): readonly [number, number] {
  if (shape.length === 2 && !shape.includes(0)) return shape as unknown as readonly [number, number];
  throw new CriaError(`is not a matrix: its shape is [${shape.slice(0, 8).join(', ')}]`, {
    where: placeOf(file, name),
  });
}

/**
 * A number by module: that of the first key of `patternKey` that matches (.*\.)?(KEY)$ from the start of the path, as
 * PEFT matches them; undefined where none does.
 */
function patternOf(config: Config, where: string, patternKey: string): (path: string) => number | undefined {
  const pattern = config[patternKey] ?? {};
  if (!isObject(pattern)) throw new CriaError(`${patternKey} is not an object`, { where });
  const count = Object.keys(pattern).length;
  if (count > mostRules) throw new CriaError(`${patternKey} has ${count} keys, more than ${mostRules}`, { where });
  const rules = Object.entries(pattern).map(([rule, number]) => ({
    matches: matcher(rule, where),
    number: positive(number, where, `${patternKey} ${quoted(rule)}`),
  }));
  return (path) => rules.find(({ matches }) => matches(path))?.number;
}

function positive(value: unknown, where: string, key: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new CriaError(`${key} is ${shown(value)}, but must be positive`, { where });
}

const mostRules = 10_000; // a key for every module of the largest models
const mostChoices = 2; // paths are short: so many repetitions, and groups of alternatives, cannot be made to take long

function matcher(rule: string, where: string): (path: string) => boolean {
  const count = (pattern: RegExp) => rule.match(pattern)?.length ?? 0;
  const isQuick = count(/[*+{?]/g) <= mostChoices && count(/\(/g) <= mostChoices;
  if (isQuick && rule.length <= 1000 && !/\)[*+{?]/.test(rule)) {
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
