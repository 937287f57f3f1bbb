import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError, closing } from '../../base/index.ts';
import { quoted, readJsonObject } from '../json.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors.ts';
import type { StoredTensor } from '../types.ts';
import type { Adapter, PrefixAdapter, PromptAdapter } from './adapter.ts';
import { describeLora, type LoraDescription } from './describe-lora.ts';
import { type AdapterFiles, baseOf, shown } from './files.ts';
import { readLora } from './read-lora.ts';

/**
 * Reads an adapter folder in the PEFT layout: adapter_config.json and adapter_model.safetensors of the types LORA,
 * PROMPT_TUNING and PREFIX_TUNING. Sizes are compared with the file before memory is taken.
 * @throws CriaError when a part is missing or damaged, parts disagree, or the adapter does what cria does not.
 */
export function readAdapter(path: string): Adapter {
  return readWith<Adapter>({ LORA: readLora, PROMPT_TUNING: readPrompt, PREFIX_TUNING: readPrefix }, path);
}

/**
 * Describes an adapter folder: LoRA of every kind without its numbers, prompts and prefixes as they are.
 * @throws CriaError when a part is missing or damaged, or parts disagree.
 */
export function describeAdapter(path: string): AdapterDescription {
  return readWith<AdapterDescription>(
    { LORA: describeLora, PROMPT_TUNING: readPrompt, PREFIX_TUNING: readPrefix },
    path,
  );
}

export type AdapterDescription = LoraDescription | PromptAdapter | PrefixAdapter;

type Reader<T> = (files: AdapterFiles) => T;

function readWith<T>(readers: Readonly<Record<string, Reader<T>>>, path: string): T {
  const where = join(path, 'adapter_config.json');
  if (!statSync(path, { throwIfNoEntry: false })) {
    throw new CriaError('does not exist', { where: path, remedy: 'use a folder with adapter_config.json' });
  }
  if (!existsSync(where)) {
    throw new CriaError('has no adapter_config.json', { where: path, remedy: 'use a PEFT adapter folder' });
  }
  const config = readJsonObject(where);
  const [, read] = Object.entries(readers).find(([type]) => type === config.peft_type) ?? [];
  if (!read) {
    const what = `adapters of the type ${quoted(String(config.peft_type ?? null))} are not supported`;
    throw new CriaError(what, { where, remedy: `supported: ${Object.keys(readers).join(', ')}` });
  }
  return closing(openSafetensors(weightsIn(path)), (weights) => read({ config, where, weights }));
}

function weightsIn(path: string): string {
  const weights = join(path, 'adapter_model.safetensors');
  if (existsSync(weights)) return weights;
  if (!existsSync(join(path, 'adapter_model.bin'))) {
    throw new CriaError('has no adapter_model.safetensors', { where: path, remedy: 'download the weights too' });
  }
  const what = 'its weights are in adapter_model.bin, a pickle, which can run code when it is loaded';
  throw new CriaError(what, { where: path, remedy: 'save the adapter as safetensors' });
}

function readPrompt({ config, where, weights }: AdapterFiles): PromptAdapter {
  const { name, shape } = onlyEmbeddings(weights);
  const [tokens, width] = shape;
  agree(config, where, { num_virtual_tokens: tokens, token_dim: width });
  return { kind: 'prompt', base: baseOf(config), tokens, width, embeddings: weights.readFloat32(name) };
}

/** A row holds, layer by layer, the keys of all heads and then the values of all heads. */
function readPrefix({ config, where, weights }: AdapterFiles): PrefixAdapter {
  const { name, shape } = onlyEmbeddings(weights);
  const [tokens, row] = shape;
  const [layers, heads] = [counted(config, where, 'num_layers'), counted(config, where, 'num_attention_heads')];
  const width = row / (2 * layers);
  if (!Number.isInteger(width / heads)) {
    const what = `rows of ${row} values are not a multiple of ${heads} heads in ${layers} layers`;
    throw new CriaError(what, { where, remedy: wrongPair });
  }
  agree(config, where, { num_virtual_tokens: tokens, token_dim: width });
  const all = weights.readFloat32(name);
  const part = (index: number): Float32Array => {
    const values = new Float32Array(tokens * width);
    for (let t = 0; t < tokens; t++) {
      const from = t * row + index * width;
      values.set(all.subarray(from, from + width), t * width);
    }
    return values;
  };
  const parts = Array.from({ length: 2 * layers }, (_, index) => part(index));
  return {
    kind: 'prefix',
    base: baseOf(config),
    tokens,
    heads,
    headSize: width / heads,
    keys: parts.filter((_, index) => index % 2 === 0),
    values: parts.filter((_, index) => index % 2 === 1),
  };
}

const wrongPair = 'adapter_config.json and adapter_model.safetensors are of different adapters';

function onlyEmbeddings({ path, tensors }: SafetensorsFile): StoredTensor & { shape: readonly [number, number] } {
  const tensor = tensors.get('prompt_embeddings');
  if (!tensor || tensors.size !== 1) {
    throw new CriaError('must hold one tensor, prompt_embeddings', { where: path, remedy: wrongPair });
  }
  const { shape } = tensor;
  if (shape.length !== 2 || shape.includes(0)) {
    throw new CriaError(`prompt_embeddings has the shape [${shape.slice(0, 8).join(', ')}]`, { where: path });
  }
  return { ...tensor, shape: shape as readonly [number, number] };
}

/** @throws CriaError when the configuration states another number than the tensors have. */
function agree(config: AdapterFiles['config'], where: string, found: Readonly<Record<string, number>>): void {
  for (const [key, number] of Object.entries(found)) {
    const stated = config[key];
    if (stated === undefined || stated === null || stated === number) continue;
    throw new CriaError(`${key} is ${shown(stated)}, but the tensors have ${number}`, {
      where,
      remedy: wrongPair,
    });
  }
}

function counted(config: AdapterFiles['config'], where: string, key: string): number {
  const stated = config[key];
  if (typeof stated === 'number' && Number.isInteger(stated) && stated > 0) return stated;
  throw new CriaError(`has no valid ${key}`, { where, remedy: 'save the adapter again' });
}
