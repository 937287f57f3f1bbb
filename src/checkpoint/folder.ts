import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CriaError, messageOf } from '../base/index.ts';
import { isObject, quoted, readJsonObject } from './json.ts';
import { overlaid } from './overlay.ts';
import { openSafetensors, type SafetensorsFile, tensorNamed } from './safetensors.ts';
import { placeOf } from './safetensors-header.ts';
import type { Checkpoint } from './types.ts';

/** Tensors, the opened file that holds each of them, and the name under which it does. */
type Holders = ReadonlyMap<string, { readonly file: SafetensorsFile; readonly stored: string }>;

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
    const holders = withoutPrefix(openWeights(path, opened));
    const folder: Checkpoint = {
      path,
      format: 'safetensors',
      config,
      generation,
      tensors: new Map([...holders].map(([name, { file, stored }]) => [name, { ...storedIn(file, stored), name }])),
      tokenizer: { kind: 'folder', path },
      readFloat32(name, options) {
        const { file, stored } = tensorNamed(holders, name, path);
        return file.readFloat32(stored, options);
      },
      readBytes(name, options) {
        const { file, stored } = tensorNamed(holders, name, path);
        return file.readBytes(stored, options);
      },
      close,
    };
    return withOwnHead(folder);
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
      ? 'it is an adapter: pass it with --adapter and its base model as MODEL'
      : 'use a folder in the Hugging Face layout, a .gguf file or a hub id';
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
    return new Map([...file.tensors.keys()].map((name) => [name, { file, stored: name }]));
  }
  const indexPath = join(path, 'model.safetensors.index.json');
  const places = existsSync(indexPath) ? readIndex(indexPath) : placesInShards(path, open);
  if (!places) throw noWeights(path);
  for (const shard of new Set(places.values())) {
    if (existsSync(join(path, shard))) continue;
    throw new CriaError(`lists ${quoted(shard)}, which does not exist`, {
      where: indexPath,
      remedy: 'download it too',
    });
  }
  return new Map([...places].map(([name, shard]) => [name, { file: open(shard), stored: name }]));
}

const storedIn = (file: SafetensorsFile, name: string) => tensorNamed(file.tensors, name, file.path);

/** The tensors of model-0000x-of-0000y.safetensors when all y are there, without an index; undefined when they are not. */
function placesInShards(path: string, open: (name: string) => SafetensorsFile): Map<string, string> | undefined {
  const shards = namesIn(path).filter((name) => shardName.test(name));
  const count = Number(shardName.exec(shards[0] ?? '')?.[2]);
  const isWhole = shards.every((name) => Number(shardName.exec(name)?.[2]) === count) && shards.length === count;
  if (!isWhole) return undefined;
  const places = new Map<string, string>();
  for (const shard of shards) {
    for (const name of open(shard).tensors.keys()) {
      const other = places.get(name);
      if (other !== undefined) {
        const remedy = 'download model.safetensors.index.json, which says which file holds it';
        throw new CriaError(`is also in ${quoted(other)}`, { where: placeOf(join(path, shard), name), remedy });
      }
      places.set(name, shard);
    }
  }
  return places;
}

const shardName = /^model-(\d{5})-of-(\d{5})\.safetensors$/;

/** What torch.compile and data parallel training leave before every name of a model that was saved inside of them. */
const wrappers = ['_orig_mod.', 'module.'];

/** Tensors under their names without wrappers' prefixes, where all of them have one. */
function withoutPrefix(holders: Holders): Holders {
  const prefix = wrappers.find(
    (each) => holders.size > 0 && [...holders.keys()].every((name) => name.startsWith(each)),
  );
  if (prefix === undefined) return holders;
  return withoutPrefix(new Map([...holders].map(([name, holder]) => [name.slice(prefix.length), holder])));
}

const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];

/**
 * A head that is stored beside a tied embedding and differs from it is used, as transformers 5 and vLLM do; a copy of the
 * embedding stays tied.
 */
function withOwnHead(checkpoint: Checkpoint): Checkpoint {
  const [table, own] = [checkpoint.tensors.get(embedding), checkpoint.tensors.get(head)];
  const { tie_word_embeddings: stated, model_type: type } = checkpoint.config;
  const isTied = stated === undefined ? type === 'gemma3_text' : stated === true;
  if (!isTied || !table || !own) return checkpoint;
  const alike = table.type === own.type && String(table.shape) === String(own.shape);
  if (alike && haveEqualRows(checkpoint, own.shape[0] ?? 0)) return checkpoint;
  return overlaid(checkpoint, { config: { tie_word_embeddings: false } });
}

const rowsAtOnce = 4096;

function haveEqualRows(checkpoint: Checkpoint, count: number): boolean {
  for (let from = 0; from < count; from += rowsAtOnce) {
    const rows = [from, Math.min(count, from + rowsAtOnce)] as const;
    const [table, own] = [embedding, head].map((name) => checkpoint.readBytes(name, { rows }));
    if (Buffer.compare(table as Uint8Array, own as Uint8Array) !== 0) return false;
  }
  return true;
}

/** The index's map from tensor to shard, every shard a plain file name. */
function readIndex(path: string): Map<string, string> {
  const { weight_map: map } = readJsonObject(path);
  if (!isObject(map)) throw new CriaError('weight_map is not an object', { where: path });
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
  const shard = names.find((name) => shardName.test(name));
  if (shard !== undefined) {
    const what = `has ${quoted(shard)}, but neither model.safetensors.index.json nor all shards`;
    return new CriaError(what, { where: path, remedy: 'download the missing files' });
  }
  const gguf = names.find((name) => name.endsWith('.gguf'));
  const remedy = gguf ? `use ${join(path, gguf)} itself` : 'download the weights too';
  return new CriaError('has neither model.safetensors nor model.safetensors.index.json', { where: path, remedy });
}

function notSafetensors(where: string, file: string): CriaError {
  const what = `its weights are in ${quoted(file)}, a pickle, which can run code when it is loaded`;
  return new CriaError(what, {
    where,
    remedy: 'save the model as safetensors, or pull a revision that has safetensors',
  });
}
