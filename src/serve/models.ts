import { basename } from 'node:path';
import { CriaError, serialized } from '../base/index.ts';
import { openSlots, type Slots } from '../generate/index.ts';
import {
  gateFeeds,
  type IncrementalDecoder,
  type LoadedModel,
  loadModel,
  type ModelOptions,
  openForward,
  openIncrementalDecoder,
} from '../model/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import { ApiError } from './errors.ts';
import { type JsonGrammars, openGrammars } from './grammar.ts';

/** A model that is served under a name. A base and its adapters share all but their gates. */
export interface ServedModel {
  readonly id: string;
  readonly created: number;
  readonly model: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly decoder: IncrementalDecoder;
  readonly slots: Slots;
  readonly grammars: JsonGrammars;
  /** How much of each adapter that shares the weights acts on a text. */
  readonly gates: readonly number[];
  /** The mean over tokens of the hidden states after the last norm, of length 1. */
  embed(ids: readonly number[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface ModelsOptions extends ModelOptions {
  /** Sequences of one model computed at once. */
  readonly slots: number;
  /** NAME=DIR of a LoRA, prompt or prefix that is served as ID+NAME. */
  readonly adapters?: readonly string[];
  /** A chat template in place of the models' own. */
  readonly template?: string | undefined;
}

interface NamedAdapter {
  readonly name: string;
  readonly folder: string;
}

/**
 * Opens models, and each adapter with the first of them that it was made for. LoRA shares the weights, the slots and the
 * runs of its base. Prompts, prefixes, DoRA, saved modules and updates of the head cannot: with such an adapter a
 * model is one of its own, whose weights are held once more.
 * @throws CriaError when one cannot be opened, two have the same name, or an adapter suits none.
 */
export async function openModels(paths: readonly string[], options: ModelsOptions): Promise<ServedModel[]> {
  const { adapters = [], ...rest } = options;
  const opened: ServedModel[] = [];
  const given = adapters.map((each) => {
    const [, name, folder] = /^([^=]+)=(.+)$/.exec(each) ?? [];
    if (!name || !folder) throw new CriaError(`--adapter ${each} is not NAME=FOLDER`);
    const base = paths.find((path) => suits(path, folder, false)) ?? paths[0];
    if (base === undefined) throw new CriaError('an adapter needs a MODEL', { where: folder });
    return { name, folder, base, shares: suits(base, folder, true) };
  });
  const ids = [...paths.map(idOf), ...given.map(({ base, name }) => `${idOf(base)}+${name}`)];
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new CriaError(`two models are called ${twice}`, { remedy: 'rename one' });
  try {
    for (const path of paths) {
      const sharing = given.filter(({ base, shares }) => base === path && shares);
      opened.push(...(await openServed(idOf(path), path, [], sharing, rest)));
    }
    for (const { name, folder, base, shares } of given) {
      if (shares) continue;
      // the error of the first model says why the adapter does not suit
      opened.push(...(await openServed(`${idOf(base)}+${name}`, base, [folder], [], rest)));
    }
    return opened;
  } catch (error) {
    for (const each of opened) await each.close();
    throw error;
  }
}

const idOf = (path: string): string => basename(path).replace(/\.gguf$/, '');

function suits(path: string, folder: string, gated: boolean): boolean {
  try {
    const model = loadModel(path, { adapters: [folder], gated });
    model.close();
    const { promptTokens, prefixTokens, gates } = model.adaptation;
    return !gated || (promptTokens + prefixTokens === 0 && gates === 1);
  } catch {
    return false;
  }
}

async function openServed(
  id: string,
  path: string,
  own: readonly string[],
  sharing: readonly NamedAdapter[],
  { slots: count, template, ...rest }: Omit<ModelsOptions, 'adapters'>,
): Promise<ServedModel[]> {
  const adapters = [...own, ...sharing.map(({ folder }) => folder)];
  const model = loadModel(path, { ...rest, adapters, gated: sharing.length > 0 });
  const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation, template);
  const decoder = await openIncrementalDecoder(model, { together: count });
  const forward = once(() => openForward(model));
  const { hiddenSize } = model.config;
  const grammars = openGrammars(tokenizer, model.config.vocabulary);
  const embed = serialized(async (ids: readonly number[], gates: readonly number[]) => {
    const feeds = gates.length > 0 ? gateFeeds([ids], gates.length, () => gates) : {};
    const { lastHidden } = await (await forward()).run([ids], { feeds });
    const mean = new Float64Array(hiddenSize);
    for (const [i, x] of lastHidden.data.entries()) mean[i % hiddenSize] = (mean[i % hiddenSize] as number) + x;
    const length = Math.hypot(...mean);
    return Float32Array.from(mean, (x) => x / length);
  });
  const shared = {
    created: Math.floor(Date.now() / 1000),
    ...{ model, tokenizer, decoder, grammars },
    slots: openSlots(model, tokenizer, decoder, { count }),
  };
  const named = (name: string, gates: readonly number[], close = async () => {}): ServedModel => ({
    ...shared,
    ...{ id: name, gates, close },
    embed: (ids) => embed(ids, gates),
  });
  const close = async () => {
    grammars.close();
    await decoder.dispose();
    model.close();
  };
  const gatesOf = (acting: number) => sharing.map((_, i) => (i === acting ? 1 : 0));
  return [named(id, gatesOf(-1), close), ...sharing.map(({ name }, i) => named(`${id}+${name}`, gatesOf(i)))];
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** @throws ApiError (404) that lists the models that there are. */
export function modelNamed(models: readonly ServedModel[], id: string): ServedModel {
  const found = models.find((each) => each.id === id);
  if (found) return found;
  const there = models.map((each) => each.id).join(', ');
  throw new ApiError(404, `the model '${id}' does not exist (there are: ${there})`, {
    param: 'model',
    code: 'model_not_found',
  });
}
