import { CriaError, concatArrays } from '../../base/index.ts';
import type { Adapter, LoraAdapter, LoraModule, PrefixAdapter, PromptAdapter } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { anyLayer, headName, layerPrefix } from '../architecture/names.ts';
import { prefixNames } from '../architecture/positions.ts';
import { type AdaptedMap, modulesOf } from './adapter-check.ts';
import { type LowRank, loraNames, loraWeights } from './lora.ts';
import { promptName, promptWeights } from './prompt.ts';
import type { Weights } from './weights.ts';

/** What adapters add to a model, checked against its configuration. */
export interface Adaptation {
  /** Low-rank updates by the weight that they update. */
  readonly updates: ReadonlyMap<string, LowRank>;
  /** Virtual tokens, whose ids follow the vocabulary. */
  readonly promptTokens: number;
  /** Of those, the ones that stand in front of every text by themselves: all, or none where texts place them. */
  readonly leading: number;
  /** Positions before those, of which there are only keys and values. */
  readonly prefixTokens: number;
  /** The adapters' numbers under the names of the graph's inputs. */
  readonly values: ReadonlyMap<string, Value<'f32'>>;
  /** How many adapters have a gate. */
  readonly gates: number;
}

/** Whether the tokens of prompts stand in front of every text, or where each text has them (`placed`). */
export type PromptPlacement = 'leading' | 'placed';

export interface AdaptationOptions {
  /** Where the tokens of prompts stand; in front of every text by default. */
  readonly promptPlacement?: PromptPlacement;
  /** Each LoRA is multiplied by its gate (`gateFeeds`), which every run is given: adapters by text or by position. */
  readonly gated?: boolean;
}

/**
 * Several adapters that suit the model as one: updates of the same weight add up, prompts and prefixes stand behind
 * one another.
 * @throws CriaError when they leave no room for a text, or the head's update is to be gated.
 */
export function adaptationOf(
  adapters: readonly Adapter[],
  config: Config,
  { promptPlacement = 'leading', gated = false }: AdaptationOptions = {},
): Adaptation {
  const values = new Map<string, Value<'f32'>>();
  const updates = new Map<string, LowRank>();
  const ofKind = <K extends Adapter['kind']>(kind: K) =>
    adapters.filter((adapter): adapter is Extract<Adapter, { kind: K }> => adapter.kind === kind);
  const loras = ofKind('lora');
  for (const [weight, given] of updatesOf(loras, config)) {
    if (gated && weight === headName(config)) {
      throw new CriaError('the update of the head cannot be gated', { remedy: 'use adapters of blocks alone' });
    }
    const { rank, scale, inner, out, a, b } = sum(given.map(({ module }) => module));
    const names = loraNames(weight);
    const ranks = loras.map((lora) => given.find(({ adapter }) => adapter === lora)?.module.rank ?? 0);
    updates.set(weight, { rank, scale, ...(gated && { gated: ranks }) });
    values.set(names.a, value('f32', [rank, inner], a));
    values.set(names.b, value('f32', [out, rank], b));
  }
  const promptTokens = addPrompts(ofKind('prompt'), config, values);
  const prefixTokens = addPrefixes(ofKind('prefix'), config, values);
  if (promptTokens + prefixTokens >= config.context) {
    const what = `${promptTokens + prefixTokens} virtual tokens leave no room in the context of ${config.context}`;
    throw new CriaError(what, { remedy: 'use fewer prompt and prefix adapters' });
  }
  const leading = promptPlacement === 'leading' ? promptTokens : 0;
  return { updates, promptTokens, leading, prefixTokens, values, gates: gated ? loras.length : 0 };
}

/** Positions in front of every text. */
export const virtualTokens = ({ leading, prefixTokens }: Adaptation): number => leading + prefixTokens;

/** The ids of the virtual tokens in front of every text. */
export function promptIds({ config, adaptation }: { config: Config; adaptation: Adaptation }): number[] {
  return Array.from({ length: adaptation.leading }, (_, i) => config.vocabulary + i);
}

/**
 * A text with the virtual tokens of its model's prompts before position `at`: 0 is before everything, 1 behind the token
 * that begins a text. For models loaded with `promptPlacement: 'placed'`.
 */
export function placed(
  { config, adaptation }: { config: Config; adaptation: Adaptation },
  ids: readonly number[],
  at: number,
): number[] {
  const virtual = Array.from({ length: adaptation.promptTokens }, (_, i) => config.vocabulary + i);
  return [...ids.slice(0, at), ...virtual, ...ids.slice(at)];
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
export function graphTemplates(
  { config, adaptation }: { config: Config; adaptation: Adaptation },
  isTouched: (layer: number) => boolean = () => false,
): number[] {
  const first = new Map<string, number>();
  return config.slidingWindows.map((window, layer) => {
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

/** Every update of every weight. */
function updatesOf(adapters: readonly LoraAdapter[], config: Config): Map<string, AdapterUpdate[]> {
  const known = modulesOf(config);
  const updates = new Map<string, AdapterUpdate[]>();
  for (const adapter of adapters) {
    for (const [path, module] of adapter.modules) {
      const { weight } = known.get(path) as AdaptedMap;
      updates.set(weight, [...(updates.get(weight) ?? []), { adapter, module }]);
    }
  }
  return updates;
}

interface AdapterUpdate {
  readonly adapter: LoraAdapter;
  readonly module: Update;
}

type Update = Omit<LoraModule, 'alpha'>;

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
  return { rank, scale: 1, inner, out, a: concatArrays(updates.map(({ a }) => a)), b };
}

/** Adds the rows of all prompts to `values`; returns how many there are. */
function addPrompts(
  prompts: readonly PromptAdapter[],
  { hiddenSize }: Config,
  values: Map<string, Value<'f32'>>,
): number {
  const rows = concatArrays(prompts.map(({ embeddings }) => embeddings));
  const tokens = rows.length / hiddenSize;
  if (tokens > 0) values.set(promptName, value('f32', [tokens, hiddenSize], rows));
  return tokens;
}

/** Adds the rows of all prefixes to `values`, by layer; returns how many there are. */
function addPrefixes(prefixes: readonly PrefixAdapter[], config: Config, values: Map<string, Value<'f32'>>): number {
  const { layers, keyValueHeads, headSize } = config;
  const tokens = prefixes.reduce((total, prefix) => total + prefix.tokens, 0);
  if (tokens === 0) return 0;
  const rows = (layer: number, part: 'keys' | 'values') => {
    const all = concatArrays(prefixes.map((each) => each[part][layer] as Float32Array));
    return value('f32', [tokens, keyValueHeads * headSize], all);
  };
  for (let layer = 0; layer < layers; layer++) {
    const names = prefixNames(layer);
    values.set(names.key, rows(layer, 'keys'));
    values.set(names.value, rows(layer, 'values'));
  }
  return tokens;
}
