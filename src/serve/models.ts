import { basename } from 'node:path';
import { CriaError, serialized } from '../base/index.ts';
import { openSlots, type Slots } from '../generate/index.ts';
import {
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

/** A model that is served under a name. */
export interface ServedModel {
  readonly id: string;
  readonly created: number;
  readonly model: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly decoder: IncrementalDecoder;
  readonly slots: Slots;
  readonly grammars: JsonGrammars;
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

type OpenOptions = Omit<ModelOptions, 'adapters'> & Pick<ModelsOptions, 'slots' | 'template'>;

/**
 * Opens models, and each adapter with the first of them that it was made for. A model with an adapter is a model of its own:
 * weights that the runtime packs are held once for each.
 * @throws CriaError when one cannot be opened, two have the same name, or an adapter suits none.
 */
export async function openModels(paths: readonly string[], options: ModelsOptions): Promise<ServedModel[]> {
  const { adapters = [], ...rest } = options;
  const opened: ServedModel[] = [];
  const add = async (id: string, path: string, folders: readonly string[]) => {
    if (opened.some((each) => each.id === id))
      throw new CriaError(`two models are called ${id}`, { remedy: 'rename one' });
    opened.push(await openServed(id, path, folders, rest));
  };
  try {
    for (const path of paths) await add(idOf(path), path, []);
    for (const given of adapters) {
      const [, name, folder] = /^([^=]+)=(.+)$/.exec(given) ?? [];
      if (!name || !folder) throw new CriaError(`--adapter ${given} is not NAME=FOLDER`);
      const base = paths.find((path) => suits(path, folder)) ?? paths[0];
      if (base === undefined) throw new CriaError('an adapter needs a MODEL', { where: folder });
      await add(`${idOf(base)}+${name}`, base, [folder]); // the error of the first model says why it does not suit
    }
    return opened;
  } catch (error) {
    for (const each of opened) await each.close();
    throw error;
  }
}

const idOf = (path: string): string => basename(path).replace(/\.gguf$/, '');

function suits(path: string, folder: string): boolean {
  try {
    loadModel(path, { adapters: [folder] }).close();
    return true;
  } catch {
    return false;
  }
}

async function openServed(
  id: string,
  path: string,
  adapters: readonly string[],
  { slots: count, template, ...rest }: OpenOptions,
): Promise<ServedModel> {
  const model = loadModel(path, { ...rest, adapters });
  const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation, template);
  const decoder = await openIncrementalDecoder(model, { together: count });
  const forward = once(() => openForward(model));
  const { hiddenSize } = model.config;
  const grammars = openGrammars(tokenizer, model.config.vocabulary);
  return {
    id,
    created: Math.floor(Date.now() / 1000),
    model,
    tokenizer,
    decoder,
    slots: openSlots(model, tokenizer, decoder, { count }),
    grammars,
    embed: serialized(async (ids: readonly number[]) => {
      const { lastHidden } = await (await forward()).run([ids]);
      const mean = new Float64Array(hiddenSize);
      for (const [i, x] of lastHidden.data.entries()) mean[i % hiddenSize] = (mean[i % hiddenSize] as number) + x;
      const length = Math.hypot(...mean);
      return Float32Array.from(mean, (x) => x / length);
    }),
    async close() {
      grammars.close();
      await decoder.dispose();
      model.close();
    },
  };
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
