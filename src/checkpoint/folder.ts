import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CriaError, messageOf } from '../base/index.ts';
import { isObject, quoted, readJsonObject } from './json.ts';
import { openSafetensors, type SafetensorsFile, tensorNamed } from './safetensors.ts';
import { placeOf } from './safetensors-header.ts';
import type { Checkpoint } from './types.ts';

/** Tensors and the opened file that holds each of them. */
type Holders = ReadonlyMap<string, SafetensorsFile>;

/** The names of weights in formats that can run code when they are read: cria neither reads nor fetches them. */
export const pickled = /\.(bin|pt|pth|pkl|ckpt)$/i;

/**
 * Opens a folder in the Hugging Face layout: config.json, generation_config.json where there is one, and the
 * weights in model.safetensors or in the shards that model.safetensors.index.json names.
 * @throws CriaError when a part is missing, damaged, or points out of the folder.
 */
export function openFolder(path: string): Checkpoint {
  const config = readConfig(path);
  const generationPath = join(path, 'generation_config.json');
  const generation = withEnds(existsSync(generationPath) ? readJsonObject(generationPath) : {}, config);
  const opened = new Map<string, SafetensorsFile>();
  const close = () => {
    for (const file of opened.values()) file.close();
  };
  try {
    const holders = openWeights(path, opened);
    return {
      path,
      format: 'safetensors',
      config,
      generation,
      tensors: new Map([...holders].map(([name, file]) => [name, tensorNamed(file.tensors, name, file.path)])),
      tokenizer: { kind: 'folder', path },
      readFloat32: (name, options) => tensorNamed(holders, name, path).readFloat32(name, options),
      readBytes: (name, options) => tensorNamed(holders, name, path).readBytes(name, options),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The end-of-text ids of config.json, as transformers takes them, where generation_config.json has none. */
function withEnds(generation: Record<string, unknown>, config: Record<string, unknown>): Record<string, unknown> {
  if ((generation.eos_token_id ?? null) !== null) return generation;
  const inner = config.text_config as Record<string, unknown> | null | undefined;
  const ends = config.eos_token_id ?? inner?.eos_token_id ?? null;
  return ends === null ? generation : { ...generation, eos_token_id: ends };
}

function readConfig(path: string): Record<string, unknown> {
  const names = namesIn(path);
  if (!names.includes('config.json')) {
    const remedy = names.includes('adapter_config.json')
      ? 'it is an adapter: give it with --adapter beside the model it belongs to'
      : 'give a folder in the Hugging Face layout, a .gguf file or a hub id';
    throw new CriaError('has no config.json', { where: path, remedy });
  }
  return readJsonObject(join(path, 'config.json'));
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    throw new CriaError(`cannot be opened as a folder: ${messageOf(cause)}`, { where: path, cause });
  }
}

/** Opens every file of weights into `opened`, and says which one holds which tensor. */
function openWeights(path: string, opened: Map<string, SafetensorsFile>): Holders {
  const open = (name: string): SafetensorsFile => {
    const file = opened.get(name) ?? openSafetensors(join(path, name));
    opened.set(name, file);
    return file;
  };
  if (existsSync(join(path, 'model.safetensors'))) {
    const file = open('model.safetensors');
    return new Map([...file.tensors.keys()].map((name) => [name, file]));
  }
  const indexPath = join(path, 'model.safetensors.index.json');
  if (!existsSync(indexPath)) throw noWeights(path);
  const places = readIndex(indexPath);
  for (const shard of new Set(places.values())) {
    if (existsSync(join(path, shard))) continue;
    throw new CriaError(`names ${quoted(shard)}, which is not there`, { where: indexPath, remedy: 'fetch it too' });
  }
  return new Map([...places].map(([name, shard]) => [name, open(shard)]));
}

/** The index's map from tensor to shard, every shard a plain file name. */
function readIndex(path: string): Map<string, string> {
  const { weight_map: map } = readJsonObject(path);
  if (!isObject(map)) throw new CriaError('its weight_map is not an object', { where: path });
  return new Map(
    Object.entries(map).map(([name, shard]) => {
      const where = placeOf(path, name);
      if (typeof shard !== 'string') throw new CriaError('its shard is not a file name', { where });
      if (shard !== basename(shard) || shard.includes('\\') || shard.includes('\0')) {
        throw new CriaError(`its shard ${quoted(shard)} lies outside the folder`, { where });
      }
      if (!shard.endsWith('.safetensors')) throw notSafetensors(where, shard);
      return [name, shard];
    }),
  );
}

function noWeights(path: string): CriaError {
  const names = namesIn(path);
  const pickle = names.find((name) => pickled.test(name));
  if (pickle) return notSafetensors(path, pickle);
  const gguf = names.find((name) => name.endsWith('.gguf'));
  const remedy = gguf ? `give ${join(path, gguf)} itself` : 'fetch the weights too';
  return new CriaError('has neither model.safetensors nor model.safetensors.index.json', { where: path, remedy });
}

function notSafetensors(where: string, file: string): CriaError {
  const what = `its weights are in ${quoted(file)}, and cria reads no pickle, because it can run code`;
  return new CriaError(what, { where, remedy: 'save the model as safetensors, or pull a revision that has them' });
}
