import { resolve } from 'node:path';
import { CriaError, figure } from '../base/index.ts';
import { e3Options } from '../methods/e3-pruner/options.ts';
import {
  argument,
  columnsOption,
  defineVerb,
  flag,
  forceOption,
  integer,
  modelArgument,
  modelPath,
  resumeOption,
  templateOption,
  text,
} from '../options/index.ts';
import { sequenceOptions } from '../train/options.ts';
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    data: text('what is searched on and recovered with: .jsonl, .json, .csv, .parquet or .txt', {
      placeholder: 'file',
    }),
    columns: columnsOption,
    template: templateOption,
    packing: sequenceOptions.packing,
    sequence: integer('tokens in a sequence (default: 256, or the context of the model)', { min: 2 }),
    ...e3Options,
    dryRun: flag('print what would be done, and do nothing'),
    resume: resumeOption,
    force: forceOption,
  },
  examples: [
    'e3-prune org/name smaller --data book.txt --drop 7 --test valid.txt',
    'e3-prune cria-tiny smaller --data rows.jsonl --keep 6 --recovery full --baselines shortgpt,sleb',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, dryRun, resume, force, ...said } = options;
    const { data, threads, seed, columns, template, test, task } = options;
    if (data === undefined) throw new CriaError('there is no data to search on', { remedy: 'pass --data book.txt' });
    refuseGgufName(args.out, 'a folder name, and convert it afterwards');
    const files = [data, template, test, task];
    refuseOutput(args.out, force, [modelPath(args.model), ...files]);
    const { columnsFrom } = await import('../data/index.ts');
    const { costOf, e3Prune, summaryOf } = await import('../methods/e3-pruner/index.ts');

    return withModel({ model: args.model, weights: 'f32', threads, template, progress }, async (opened) => {
      const { model } = opened;
      const how = {
        ...said,
        data,
        resume,
        force,
        columns: columnsFrom(columns),
        sequence: options.sequence ?? Math.min(256, model.config.context),
      };
      if (dryRun) {
        const cost = costOf(model, how);
        print(`drops ${cost.drop} of ${cost.layers} layers; reads ${cost.blockPasses} million token-blocks\n`);
        return { ...cost, path: args.out };
      }
      const provenance = await provenanceFor('e3-prune', args.model, said, { files, seed, progress, signal });
      const result = await e3Prune(model, opened.tokenizer, args.out, how, provenance, signal);
      const summary = summaryOf(result, seed);
      const { speedup, seconds, tokens } = result;
      print(
        `${resolve(args.out)}: layers ${summary.dropped.join(', ')} dropped; perplexity ${figure(summary.perplexityBefore)}, ` +
          `${figure(summary.perplexitySearched)} without them, ${figure(summary.perplexityAfter)} as written; ` +
          `decoding ${figure(speedup.decode)} times as fast (at most ${figure(speedup.ceiling.decode)})\n`,
      );
      return { ...summary, speedup, tokens, seconds, path: args.out };
    });
  },
});
