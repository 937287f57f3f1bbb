import { join } from 'node:path';
import { byteSize, CriaError, figure, refuseExisting, writeFolderAtomically } from '../base/index.ts';
import {
  argument,
  choice,
  defineVerb,
  forceOption,
  integer,
  manyArguments,
  modelPath,
  text,
  weightsOption,
} from '../options/index.ts';
import type { ComparedModel } from '../quantize/index.ts';

export const verb = defineVerb({
  arguments: {
    reference: argument('the model that the others are compared with'),
    models: manyArguments('models of the same tokenizer'),
  },
  options: {
    text: text('the text file', { placeholder: 'file' }),
    context: integer('tokens in a window (default: 512, or what the models take)', { min: 2 }),
    tokens: integer('how many of the first tokens of the file (default: all)', { min: 2 }),
    kl: choice(
      ['exact', 'bound'],
      "keep the reference's hidden states, or its 10 likeliest tokens, which bound it",
      'exact',
    ),
    speed: integer('tokens decoded to measure the speed; 0 for none', { default: 32, min: 0 }),
    weights: weightsOption,
    out: text('a folder for the page, the rows and where they came from', { placeholder: 'folder' }),
    force: forceOption,
  },
  examples: ['compare model.f16.gguf model.q4_k.gguf model.q8_0.gguf --text valid.txt --tokens 8192 --out comparison'],
  async run({ args, options, progress, signal, print }) {
    const { text: file, context, tokens, kl, speed, seed, threads, weights: precision, out } = options;
    if (file === undefined) throw new CriaError('there is no text', { remedy: 'give --text book.txt' });
    const { inputHashes, json, provenanceOf, writeTexts } = await import('../artifact/index.ts');
    const { comparisonRows, openReference, speedOf, verdict, weightBytes } = await import('../quantize/index.ts');
    const { loadModel } = await import('../model/index.ts');
    const { writePage } = await import('../report/index.ts');
    const { comparisonPage } = await import('./shared/comparison-page.ts');
    if (out !== undefined) refuseExisting(out, options.force);

    const load = (model: string) => loadModel(modelPath(model), { threads, precision, progress });
    const measured = async (model: ReturnType<typeof load>, ids: readonly number[]) =>
      speed > 0 ? await speedOf(model, ids, speed, signal) : undefined;
    const base = load(args.reference);
    try {
      for (const model of args.models) load(model).close(); // what cannot be opened is refused before the work
      const opened = await openReference(base, { text: file, context, tokens, kl, seed }, { progress, signal });
      try {
        const reference = {
          model: args.reference,
          bytes: weightBytes(base),
          perplexity: opened.perplexity,
          decodeTokensPerSecond: await measured(base, opened.ids),
        };
        print(`${reference.model}: ${byteSize(reference.bytes)}, perplexity ${figure(reference.perplexity)}\n`);
        const models: ComparedModel[] = [];
        for (const name of args.models) {
          const model = load(name);
          try {
            const { windows, comparison } = await opened.compare(model, { progress, signal });
            const { referencePerplexity: _, ...figures } = comparison;
            const decodeTokensPerSecond = await measured(model, opened.ids);
            models.push({ model: name, bytes: weightBytes(model), ...figures, decodeTokensPerSecond, windows });
            print(
              `${name}: ${byteSize(weightBytes(model))}, perplexity ${figure(figures.perplexity)}, ` +
                `${verdict(figures.deltaNll, figures.low, figures.high)}, KL ${kl === 'bound' ? 'at least ' : ''}` +
                `${figure(figures.kl)}, same likeliest token ${(100 * figures.sameTop).toFixed(1)}%` +
                `${decodeTokensPerSecond ? `, ${figure(decodeTokensPerSecond)} tokens/s` : ''}\n`,
            );
          } finally {
            model.close();
          }
        }
        const result = {
          reference,
          models: models.map(({ windows: _, ...model }) => model),
          klKind: kl,
          context: opened.context,
          tokens: opened.ids.length,
        };
        if (out === undefined) return result;
        const named = Object.fromEntries([args.reference, ...args.models].map((model) => [model, modelPath(model)]));
        const inputs = await inputHashes({ models: named, files: [file] }, { progress, signal });
        const { json: _, quiet: __, force: ___, ...said } = options;
        const provenance = provenanceOf('compare', args.reference, { models: args.models, ...said }, seed, inputs);
        await writeFolderAtomically(out, options.force, async (folder) => {
          await writeTexts(folder, {
            'cria.json': json(provenance),
            'comparison.json': json(result),
            'rows.jsonl': comparisonRows(models),
          });
          await writePage(
            join(folder, 'report.html'),
            comparisonPage(reference, models, { path: file, context: opened.context, kl }),
          );
        });
        print(`${out}: report.html, rows.jsonl\n`);
        return { ...result, path: out };
      } finally {
        await opened.dispose();
      }
    } finally {
      base.close();
    }
  },
});
