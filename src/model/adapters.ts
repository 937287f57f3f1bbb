import { CriaError } from '../base/index.ts';
import type { Adapter, LoraAdapter, PrefixAdapter, PromptAdapter } from '../checkpoint/index.ts';
import { type Value, value } from '../engine/index.ts';
import type { Config } from './config.ts';
import { allFinite } from './finite.ts';
import { type LowRank, loraNames, loraWeights } from './lora.ts';
import { anyLayer, headName, layerPrefix, linearNames, linearShapes } from './names.ts';
import { prefixNames } from './positions.ts';
import { promptName, promptWeights } from './prompt.ts';
import type { Weights } from './weights.ts';

/** What adapters add to a model, checked against its configuration. */
export interface Adaptation {
  /** Low-rank updates by the weight that they update. */
  readonly updates: ReadonlyMap<string, LowRank>;
  /** Virtual tokens in front of every text, whose ids follow the vocabulary. */
  readonly promptTokens: number;
  /** Positions before those, of which there are only keys and values. */
  readonly prefixTokens: number;
  /** The adapters' numbers under the names of the graph's inputs. */
  readonly values: ReadonlyMap<string, Value<'f32'>>;
}

/**
 * Several adapters as one: updates of the same weight add up, prompts and prefixes stand behind one another.
 * @throws CriaError when an adapter was made for a model of other modules or sizes, or holds no finite numbers.
 */
export function adaptationOf(adapters: readonly Adapter[], config: Config): Adaptation {
  const values = new Map<string, Value<'f32'>>();
  const updates = new Map<string, LowRank>();
  const ofKind = <K extends Adapter['kind']>(kind: K) =>
    adapters.filter((adapter): adapter is Extract<Adapter, { kind: K }> => adapter.kind === kind);
  for (const [weight, given] of updatesOf(ofKind('lora'), config)) {
    const { rank, scale, inner, out, a, b } = sum(given);
    const names = loraNames(weight);
    updates.set(weight, { rank, scale });
    values.set(names.a, value('f32', [rank, inner], a));
    values.set(names.b, value('f32', [out, rank], b));
  }
  const promptTokens = addPrompts(ofKind('prompt'), config, values);
  const prefixTokens = addPrefixes(ofKind('prefix'), config, values);
  for (const [name, { data }] of values) {
    if (!allFinite(data))
      throw new CriaError('holds values that are not finite numbers', { where: `adapter: ${name}` });
  }
  if (promptTokens + prefixTokens >= config.context) {
    const what = `${promptTokens + prefixTokens} virtual tokens leave no room in the context of ${config.context}`;
    throw new CriaError(what, { remedy: 'give fewer adapters' });
  }
  return { updates, promptTokens, prefixTokens, values };
}

/** Positions in front of every text. */
export const virtualTokens = ({ promptTokens, prefixTokens }: Adaptation): number => promptTokens + prefixTokens;

/** The ids of the virtual tokens in front of every text. */
export function promptIds({ config, adaptation }: { config: Config; adaptation: Adaptation }): number[] {
  return Array.from({ length: adaptation.promptTokens }, (_, i) => config.vocabulary + i);
}

/** Weights with what adapters add; `layer` is the block that weights named for any block belong to. */
export function adaptedWeights(base: Weights, adaptation: Adaptation, config: Config, layer?: number): Weights {
  const { updates, promptTokens } = adaptation;
  const nameOf = (name: string) =>
    layer !== undefined && name.startsWith(anyLayer) ? layerPrefix(layer) + name.slice(anyLayer.length) : name;
  const prompted = promptTokens > 0 ? promptWeights(base, promptTokens, config.embeddingScale) : base;
  return updates.size > 0 ? loraWeights(prompted, (name) => updates.get(nameOf(name))) : prompted;
}

/** The updates of one block by the names that every block has. */
function updatesIn({ updates }: Adaptation, layer: number): Map<string, LowRank> {
  const prefix = layerPrefix(layer);
  const own = [...updates].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, update]) => [anyLayer + name.slice(prefix.length), update]));
}

/**
 * By block, the first one whose graph serves it: window and updates are alike. Where `isTouched` holds a graph serves
 * one block alone.
 */
export function blockKinds(
  { config, adaptation }: { config: Config; adaptation: Adaptation },
  isTouched: (layer: number) => boolean = () => false,
): number[] {
  const first = new Map<string, number>();
  return config.windows.map((window, layer) => {
    if (isTouched(layer)) return layer;
    const kind = JSON.stringify([window ?? null, ...updatesIn(adaptation, layer)]);
    const named = first.get(kind) ?? layer;
    first.set(kind, named);
    return named;
  });
}

/** The updates of block `layer` under the names that every block has. */
export function loraAdditions(adaptation: Adaptation, layer: number): Record<string, Value> {
  const additions: Record<string, Value> = {};
  for (const any of updatesIn(adaptation, layer).keys()) {
    const [own, as] = [loraNames(layerPrefix(layer) + any.slice(anyLayer.length)), loraNames(any)];
    additions[as.a] = adaptation.values.get(own.a) as Value;
    additions[as.b] = adaptation.values.get(own.b) as Value;
  }
  return additions;
}

/** All that adapters add to block `layer`, under the names of the graph of block `named`. */
export function layerAdditions(adaptation: Adaptation, layer: number, named: number): Record<string, Value> {
  const additions = loraAdditions(adaptation, layer);
  if (adaptation.prefixTokens > 0) {
    const [own, as] = [prefixNames(layer), prefixNames(named)];
    additions[as.key] = adaptation.values.get(own.key) as Value;
    additions[as.value] = adaptation.values.get(own.value) as Value;
  }
  return additions;
}

type Update = Omit<LoraAdapter['modules'] extends ReadonlyMap<string, infer M> ? M : never, 'alpha'>;

/** Every update of every weight. @throws CriaError when a module is not one of the model's, or has another size. */
function updatesOf(adapters: readonly LoraAdapter[], config: Config): Map<string, Update[]> {
  const shapes = moduleShapes(config);
  const updates = new Map<string, Update[]>();
  for (const { modules, base } of adapters) {
    for (const [path, module] of modules) {
      const known = shapes.get(path);
      if (!known) throw foreign(`adapts ${path}, which the model does not have`, base);
      const { weight, shape } = known;
      if (String(shape) !== String([module.out, module.inner])) {
        throw foreign(`adapts ${path} as [${module.out}, ${module.inner}], which is [${shape.join(', ')}] here`, base);
      }
      updates.set(weight, [...(updates.get(weight) ?? []), module]);
    }
  }
  return updates;
}

/** The linear maps of a model by the paths of their modules. */
export function moduleShapes(config: Config): Map<string, { weight: string; shape: readonly [number, number] }> {
  const shapes = new Map<string, { weight: string; shape: readonly [number, number] }>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const name of linearNames) {
      const path = layerPrefix(layer) + name;
      shapes.set(path, { weight: `${path}.weight`, shape: linearShapes(config)[name] });
    }
  }
  return shapes.set('lm_head', { weight: headName(config), shape: [config.vocabulary, config.width] });
}

function foreign(what: string, base: string): CriaError {
  const of = base === '' ? '' : ` (of ${base})`;
  return new CriaError(`the adapter${of} ${what}`, { remedy: 'it belongs to another model' });
}

/** A sum of updates is one update of the sum of their ranks: the columns of B carry the scales. */
function sum(updates: readonly Update[]): Update {
  const [first] = updates as readonly [Update];
  if (updates.length === 1) return first;
  const { inner, out } = first;
  const rank = updates.reduce((total, update) => total + update.rank, 0);
  const b = new Float32Array(out * rank);
  let column = 0;
  for (const update of updates) {
    for (let i = 0; i < out; i++) {
      for (let j = 0; j < update.rank; j++) {
        b[i * rank + column + j] = (update.b[i * update.rank + j] as number) * update.scale;
      }
    }
    column += update.rank;
  }
  return { rank, scale: 1, inner, out, a: joined(updates.map(({ a }) => a)), b };
}

function addPrompts(prompts: readonly PromptAdapter[], { width }: Config, values: Map<string, Value<'f32'>>): number {
  for (const prompt of prompts) {
    if (prompt.width !== width) throw foreign(`has embeddings of ${prompt.width} values, not ${width}`, prompt.base);
  }
  const rows = joined(prompts.map(({ embeddings }) => embeddings));
  const tokens = rows.length / width;
  if (tokens > 0) values.set(promptName, value('f32', [tokens, width], rows));
  return tokens;
}

function addPrefixes(prefixes: readonly PrefixAdapter[], config: Config, values: Map<string, Value<'f32'>>): number {
  const { layers, keyValueHeads, headSize } = config;
  for (const { keys, heads, headSize: size, base } of prefixes) {
    if (keys.length === layers && heads === keyValueHeads && size === headSize) continue;
    const [theirs, ours] = [
      [keys.length, heads, size],
      [layers, keyValueHeads, headSize],
    ].map(([a, b, c]) => `${a} layers of ${b} key/value heads of ${c}`);
    throw foreign(`is a prefix for ${theirs}, not ${ours}`, base);
  }
  const tokens = prefixes.reduce((total, prefix) => total + prefix.tokens, 0);
  if (tokens === 0) return 0;
  for (let layer = 0; layer < layers; layer++) {
    const names = prefixNames(layer);
    const rows = (part: 'keys' | 'values') =>
      value(
        'f32',
        [tokens, keyValueHeads * headSize],
        joined(prefixes.map((each) => each[part][layer] as Float32Array)),
      );
    values.set(names.key, rows('keys'));
    values.set(names.value, rows('values'));
  }
  return tokens;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
