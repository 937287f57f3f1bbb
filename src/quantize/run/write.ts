import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ContainedSpec,
  json,
  type Provenance,
  type QuantizedModel,
  type Replacements,
  writeContainer,
  writeDecodedFolder,
  writeQuantizedGguf,
  writeTexts,
} from '../../artifact/index.ts';
import { type Watch, writeFileAtomically } from '../../base/index.ts';
import type { ComparedWindow, Comparison, EvaluationText } from '../../evaluate/index.ts';
import { type LoadedModel, loadModel } from '../../model/index.ts';
import { writePage } from '../../report/index.ts';
import { openReference } from '../compare/reference.ts';
import { comparisonRows } from '../compare/rows.ts';
import type { Quantizer } from '../schemes/index.ts';
import type { QuantizeOptions } from './options.ts';
import { linearMaps, type Plan } from './plan.ts';
import { quantizePage } from './report.ts';
import type { TensorResult } from './result.ts';

export interface Writing extends Watch {
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly tensors: readonly TensorResult[];
  readonly replacements: Replacements;
  readonly provenance: Provenance;
  readonly options: QuantizeOptions;
  /** What it is compared on with the model that it was made of. */
  readonly text: EvaluationText | undefined;
}

export interface Written {
  /** Bytes of the weight files. */
  readonly bytes: number;
  /** The model beside the one that it was made of. */
  readonly measured?: Measured;
}

export interface Measured {
  readonly comparison: Comparison;
  readonly windows: readonly ComparedWindow[];
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
    const measured = await measure(out, writing);
    const written = { bytes, ...(measured && { measured }) };
    const beside = async (ending: string, content: string) =>
      writeFileAtomically(`${out}.${ending}`, (append) => append(new TextEncoder().encode(content)));
    await beside('cria.json', json(provenance));
    if (measured) await beside('rows.jsonl', comparisonRows([{ model: out, ...measured }]));
    await writePage(`${out}.report.html`, quantizePage(writing, written));
    return written;
  }
  let written: Written = { bytes: 0 };
  const more = async (folder: string) => {
    const measured = await measure(folder, writing);
    written = { bytes: weightBytes(folder), ...(measured && { measured }) };
    if (measured) await writeTexts(folder, { 'rows.jsonl': comparisonRows([{ model: out, ...measured }]) });
    await writePage(join(folder, 'report.html'), quantizePage(writing, written));
  };
  const folder = { ...common, more };
  if (plan.format === 'hf') await writeDecodedFolder(out, folder, options.dtype);
  else await writeContainer(out, { ...folder, format: plan.format, specs: specsOf(plan), kept: keptMaps(writing) });
  return written;
}

/** What a container's configuration says of each matrix. */
function specsOf({ targets }: Plan): Map<string, ContainedSpec> {
  return new Map(targets.map(({ name, inner, quantizer }) => [name, specOf(quantizer, inner)]));
}

function specOf(quantizer: Quantizer, inner: number): ContainedSpec {
  const usual = { bits: 4, group: -1, symmetric: true, reordered: false, damp: undefined, nested: false };
  if (quantizer.scheme === 'nf4') return { ...usual, group: quantizer.block, nested: quantizer.nested };
  if (quantizer.scheme !== 'rtn' && quantizer.scheme !== 'gptq' && quantizer.scheme !== 'awq') return usual;
  const { bits, group } = quantizer;
  const symmetric = quantizer.scheme !== 'awq' && !quantizer.asymmetric;
  const grid = { ...usual, bits, group: group === inner ? -1 : group, symmetric };
  if (quantizer.scheme !== 'gptq') return grid;
  return { ...grid, reordered: quantizer.actOrder && !quantizer.staticGroups, damp: quantizer.damp };
}

/** Linear maps of the blocks that stay in floats. */
function keptMaps({ model, plan }: Writing): string[] {
  const maps = new Set(linearMaps(model.config).keys());
  return plan.kept.filter((name) => maps.has(name));
}

/** Compares what was written with what it was made of, where a text is given. */
async function measure(path: string, { model, options, text, ...watch }: Writing): Promise<Measured | undefined> {
  if (text === undefined) return undefined;
  const reference = await openReference(model, text, { kl: 'exact', seed: options.seed }, watch);
  const quantized = loadModel(path, { threads: model.threads, precision: 'f32', progress: model.progress });
  try {
    return await reference.compare(quantized, watch);
  } finally {
    quantized.close();
    await reference.dispose();
  }
}

/** The bytes of a folder's weight files. */
function weightBytes(folder: string): number {
  const weights = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  return weights.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
