import { statSync } from 'node:fs';
import { CriaError, refuseExisting } from '../base/index.ts';
import {
  type Checkpoint,
  ggufFromHuggingFace,
  ggufFromLora,
  type LoraAdapter,
  type MetadataValue,
  readGgufHeader,
  type StoredType,
  writeGguf,
} from '../checkpoint/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';

/** A tensor under its Hugging Face name, in the type that it is stored in. */
export interface GgufSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly bytes: () => Uint8Array;
}

/**
 * Writes a model as a GGUF file that llama.cpp loads, whole or not at all; returns its bytes. The tokenizer is the
 * header's of a checkpoint that is GGUF itself, else `tokenizer` with as many tokens as the embedding has rows.
 * @throws CriaError when something stands at `path` and `force` is not set, or GGUF cannot hold the model.
 */
export async function writeGgufModel(
  path: string,
  { path: source, format, config, tensors }: Checkpoint,
  stored: Iterable<GgufSource>,
  tokenizer: Tokenizer | undefined,
  force: boolean,
): Promise<number> {
  refuseOther(path, force);
  const rows = tensors.get('model.embed_tokens.weight')?.shape[0] ?? 0;
  const contents = ggufFromHuggingFace({
    path: source,
    config,
    tensors: stored,
    ...(format === 'gguf' ? { carried: readGgufHeader(source) } : {}),
    ...(format !== 'gguf' && tokenizer ? { tokenizer: ofSize(tokenizer.ggufMetadata(), rows) } : {}),
  });
  await writeGguf(path, contents);
  return statSync(path).size;
}

/** @throws CriaError when something stands where a file is to be written, or a folder does. */
function refuseOther(path: string, force: boolean): void {
  refuseExisting(path, force);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CriaError('is a folder', { where: path, remedy: 'use a file name' });
  }
}

/**
 * Writes LoRA as a GGUF file that llama.cpp applies to `model`, whole or not at all; returns its bytes.
 * @throws CriaError when something stands at `path` and `force` is not set, or GGUF cannot hold the adapter.
 */
export async function writeGgufAdapter(
  path: string,
  adapter: LoraAdapter,
  { config, path: source }: Checkpoint,
  force: boolean,
): Promise<number> {
  refuseOther(path, force);
  await writeGguf(path, ggufFromLora(adapter, config, source));
  return statSync(path).size;
}

const unused = 5; // llama.cpp's LLAMA_TOKEN_TYPE_UNUSED

/** Lists with an entry for each token get one for each row of the embedding: llama.cpp wants as many. */
function ofSize(metadata: ReadonlyMap<string, MetadataValue>, rows: number): Map<string, MetadataValue> {
  const sized = new Map(metadata);
  const pad = <T>(key: string, filler: (id: number) => T) => {
    const list = metadata.get(key) as ArrayLike<T> | undefined;
    if (!list) return;
    const all = Array.from({ length: rows }, (_, id) => (id < list.length ? (list[id] as T) : filler(id)));
    sized.set(key, (list instanceof Int32Array ? Int32Array.from(all as number[]) : all) as MetadataValue);
  };
  pad('tokenizer.ggml.tokens', (id) => `[PAD${id}]`);
  pad('tokenizer.ggml.token_type', () => unused);
  const scores = metadata.get('tokenizer.ggml.scores');
  if (scores instanceof Float32Array)
    sized.set(
      'tokenizer.ggml.scores',
      Float32Array.from({ length: rows }, (_, id) => scores[id] ?? 0),
    );
  return sized;
}
