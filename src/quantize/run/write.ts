import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  json,
  type Provenance,
  type QuantizedModel,
  type Replacements,
  writeDecodedFolder,
  writeQuantizedGguf,
} from '../../artifact/index.ts';
import { type Watch, writeFileAtomically } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { writePage } from '../../report/index.ts';
import type { QuantizeOptions } from './options.ts';
import type { Plan } from './plan.ts';
import { quantizePage } from './report.ts';
import type { TensorResult } from './result.ts';

export interface Writing extends Watch {
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly tensors: readonly TensorResult[];
  readonly replacements: Replacements;
  readonly provenance: Provenance;
  readonly options: QuantizeOptions;
}

export interface Written {
  /** Bytes of the weight files. */
  readonly bytes: number;
}

/**
 * Writes the quantized model in the plan's format with its page. Beside a GGUF file, page and provenance are files of its
 * name with an ending; a folder holds them.
 */
export async function writeQuantized(out: string, writing: Writing): Promise<Written> {
  const { model, plan, replacements, provenance, options, progress, signal } = writing;
  const common: QuantizedModel = {
    checkpoint: model.checkpoint,
    replacements,
    provenance,
    force: options.force,
    ...(progress && { progress }),
    ...(signal && { signal }),
  };
  if (plan.format === 'gguf') {
    await writeQuantizedGguf(out, common);
    const { size: bytes } = statSync(out);
    await writeFileAtomically(`${out}.cria.json`, (append) => append(new TextEncoder().encode(json(provenance))));
    await writePage(`${out}.report.html`, quantizePage(writing, bytes));
    return { bytes };
  }
  let bytes = 0;
  const more = async (folder: string) => {
    bytes = weightBytes(folder);
    await writePage(join(folder, 'report.html'), quantizePage(writing, bytes));
  };
  await writeDecodedFolder(out, { ...common, more }, options.dtype);
  return { bytes };
}

/** The bytes of a folder's weight files. */
function weightBytes(folder: string): number {
  const weights = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  return weights.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
