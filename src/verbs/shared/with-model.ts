import type { Provenance } from '../../artifact/index.ts';
import type { Progress, Watch } from '../../base/index.ts';
import type { Model } from '../../index.ts';
import type { LoadedModel, Precision } from '../../model/index.ts';
import { modelPath } from '../../options/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

/** How a verb opens its model: options under their names on the command line. */
export interface Opening {
  /** The MODEL argument. */
  readonly model: string;
  readonly weights?: Precision | undefined;
  readonly adapter?: readonly string[] | undefined;
  readonly threads?: number | undefined;
  /** A file with the chat template to use in place of the model's. */
  readonly template?: string | undefined;
  readonly progress?: Progress;
}

export interface Opened {
  readonly model: LoadedModel;
  /** Opened when it is first asked for: weights alone need none. */
  readonly tokenizer: Tokenizer;
}

/** Opens a model for `work` and closes it on every path. @throws CriaError when it cannot be opened. */
export async function withModel<T>(opening: Opening, work: (opened: Opened) => Promise<T>): Promise<T> {
  const { loadModel } = await import('../../model/index.ts');
  const { openTokenizer } = await import('../../tokenizer/index.ts');
  const { template, ...options } = await openOptions(opening);
  const model = loadModel(modelPath(opening.model), options);
  try {
    let tokenizer: Tokenizer | undefined;
    return await work({
      model,
      get tokenizer() {
        tokenizer ??= openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation, template);
        return tokenizer;
      },
    });
  } finally {
    model.close();
  }
}

/** The same for verbs that generate text. */
export async function withGenerator<T>(opening: Opening, work: (model: Model) => Promise<T>): Promise<T> {
  const { open } = await import('../../index.ts');
  const model = await open(modelPath(opening.model), await openOptions(opening));
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}

async function openOptions({ weights: precision, adapter: adapters, threads, template: file, progress }: Opening) {
  const template = file === undefined ? undefined : (await import('../../data/index.ts')).readText(file);
  return { precision, adapters, threads, progress, template };
}

/** What a verb reads, and who watches it. */
export interface Reading extends Watch {
  /** MODEL arguments: by default the source alone. */
  readonly models?: readonly (string | undefined)[];
  readonly files?: readonly (string | undefined)[];
  /** Files that are recorded by a name, not by their path. */
  readonly named?: Readonly<Record<string, string>>;
  readonly seed: number;
}

/**
 * Hashes what a verb reads: the provenance of what it makes of `source` by the options `said`.
 * @throws CriaError when an input cannot be read.
 */
export async function provenanceFor(
  verb: string,
  source: string,
  said: Readonly<Record<string, unknown>>,
  { models = [source], files, named, seed, ...watch }: Reading,
): Promise<Provenance> {
  const { inputHashes, provenanceOf } = await import('../../artifact/index.ts');
  const read = models.filter((each) => each !== undefined);
  const paths = Object.fromEntries(read.map((each) => [each, modelPath(each)]));
  return provenanceOf(verb, source, said, seed, await inputHashes({ models: paths, files, named }, watch));
}
