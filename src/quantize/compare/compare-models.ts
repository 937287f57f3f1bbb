import { join } from 'node:path';
import { json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { type Watch, writeFolderAtomically } from '../../base/index.ts';
import { decodeSpeed, evaluationText, type KlKind, type TextOptions } from '../../evaluate/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { writePage } from '../../report/index.ts';
import { comparisonPage } from './page.ts';
import { type ComparisonOptions, openReference, refuseIncomparable, weightBytes } from './reference.ts';
import { type ComparedModel, comparisonRows, type ReferenceModel } from './rows.ts';

/** A model that is opened when its turn comes, by the name that results have for it. */
export interface NamedModel {
  readonly name: string;
  open(): LoadedModel;
}

export interface CompareOptions extends TextOptions, ComparisonOptions {
  /** Tokens that are decoded to measure the speed; 0 for none. */
  readonly speed: number;
}

/** Models beside a reference on one text. */
export interface ModelComparison {
  readonly reference: ReferenceModel;
  readonly models: readonly ComparedModel[];
  readonly kl: KlKind;
  /** The path of the text, how many of its tokens were read, in windows of how many, begun with BOS or not. */
  readonly text: string;
  readonly tokens: number;
  readonly context: number;
  readonly bos: boolean;
}

/**
 * Reads a text with the reference, then with one model after the other. `show` is told of each as soon as it is measured.
 * @throws CriaError before anything is read when a model cannot be opened or compared.
 */
export async function compareModels(
  reference: NamedModel,
  models: readonly NamedModel[],
  options: CompareOptions,
  watch: Watch,
  show: (model: ReferenceModel | ComparedModel) => void = () => {},
): Promise<ModelComparison> {
  const { text, kl, speed } = options;
  const base = reference.open();
  try {
    const read = evaluationText(base, options);
    const { ids, context, bos } = read;
    for (const model of models) await using(model, async (each) => refuseIncomparable(base, each, context));
    const opened = await openReference(base, read, options, watch);
    try {
      const measured = async (model: LoadedModel) =>
        speed > 0 ? await speedOf(model, ids, speed, watch.signal) : undefined;
      const first: ReferenceModel = {
        model: reference.name,
        bytes: weightBytes(base),
        perplexity: opened.perplexity,
        decodeTokensPerSecond: await measured(base),
      };
      show(first);
      const compared: ComparedModel[] = [];
      for (const each of models) {
        const own = await using(each, async (model): Promise<ComparedModel> => {
          const { windows, comparison } = await opened.compare(model, watch);
          const { referencePerplexity: _, ...figures } = comparison;
          const decodeTokensPerSecond = await measured(model);
          return { model: each.name, bytes: weightBytes(model), ...figures, decodeTokensPerSecond, windows };
        });
        show(own);
        compared.push(own);
      }
      return { reference: first, models: compared, kl, text, tokens: ids.length, context, bos: bos !== undefined };
    } finally {
      await opened.dispose();
    }
  } finally {
    base.close();
  }
}

async function using<T>({ open }: NamedModel, use: (model: LoadedModel) => Promise<T>): Promise<T> {
  const model = open();
  try {
    return await use(model);
  } finally {
    model.close();
  }
}

const promptTokens = 32;

/** Tokens a second of greedy decoding after the first tokens of the text. */
async function speedOf(model: LoadedModel, ids: readonly number[], tokens: number, signal?: AbortSignal) {
  const speed = await decodeSpeed(model, ids.slice(0, promptTokens), tokens, signal);
  model.bound().release();
  return speed;
}

/** The figures of a comparison, without its windows. */
export function comparisonFigures({ models, kl: klKind, ...told }: ModelComparison) {
  return { ...told, klKind, models: models.map(({ windows: _, ...model }) => model) };
}

/** Writes a comparison as a folder: its page, its figures, and the rows that they can be computed again from. */
export async function writeComparison(
  out: string,
  comparison: ModelComparison,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  await writeFolderAtomically(out, force, async (folder) => {
    await writeTexts(folder, {
      'cria.json': json(provenance),
      'comparison.json': json(comparisonFigures(comparison)),
      'rows.jsonl': comparisonRows(comparison.models),
    });
    await writePage(join(folder, 'report.html'), comparisonPage(comparison));
  });
}
