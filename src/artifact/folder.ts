import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../base/index.ts';
import { type TensorToWrite, writeSharded } from '../checkpoint/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { FloatType } from './dtypes.ts';
import type { Provenance } from './provenance.ts';

/** A model as a folder in the Hugging Face layout. */
export interface ModelFolder {
  readonly config: Readonly<Record<string, unknown>>;
  readonly generation: Readonly<Record<string, unknown>>;
  readonly tensors: Iterable<TensorToWrite>;
  /** The type that config.json names. */
  readonly type: FloatType;
  /** Undefined for a model without one. */
  readonly tokenizer: Tokenizer | undefined;
  readonly provenance: Provenance;
}

const torchTypes: Readonly<Record<FloatType, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/**
 * Writes a model that transformers and vLLM load, whole or not at all: weights, configuration, tokenizer, and
 * cria.json, which tells what made it; `more` may add files before it takes its place. Returns the bytes of its files.
 * @throws CriaError when something stands at `path` and `force` is not set, or it cannot be written.
 */
export async function writeModelFolder(
  path: string,
  model: ModelFolder,
  force: boolean,
  more?: (folder: string) => Promise<void>,
): Promise<number> {
  const { dtype: _, torch_dtype: __, ...config } = model.config;
  const files: Record<string, string> = {
    'config.json': json({ ...config, torch_dtype: torchTypes[model.type] }), // every version of transformers reads it
    ...generationFile(model),
    ...model.tokenizer?.huggingFaceFiles(),
    'cria.json': json(model.provenance),
  };
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, files);
    await writeSharded(folder, model.tensors);
    await more?.(folder);
  });
  return bytesIn(path);
}

/** generation_config.json with every id that ends a text, which other files may have told of. */
export function generationFile({
  generation,
  tokenizer,
}: Pick<ModelFolder, 'generation' | 'tokenizer'>): Record<string, string> {
  const ends = tokenizer?.special.eos ?? [];
  const whole = { ...generation, ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }) };
  return Object.keys(whole).length > 0 ? { 'generation_config.json': json(whole) } : {};
}

/** The bytes of a folder's files. */
export function bytesIn(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

export function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Objects as lines of JSON. */
export const jsonLines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Writes texts as files of a folder, by name. */
export async function writeTexts(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await writeFileAtomically(join(folder, name), (append) => append(new TextEncoder().encode(text)));
  }
}
