import { resolve } from 'node:path';
import { CriaError, figure } from '../base/index.ts';
import { argument, choice, defineVerb, forceOption, modelArgument, modelPath, text } from '../options/index.ts';
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { estimated, pruningOptions, sequenceOf, sparsitiesOf } from './shared/pruning-options.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    method: choice(['magnitude', 'wanda', 'sparsegpt', 'alps'], 'pruning method', 'alps'),
    calibration: text('calibration data: .txt, .jsonl, .csv or .parquet', { placeholder: 'file' }),
    test: text('text for perplexity before and after', { placeholder: 'file' }),
    ...pruningOptions,
    force: forceOption,
  },
  examples: ['prune org/name pruned --method sparsegpt --sparsity 2:4 --calibration book.txt'],
  async run({ args, options, progress, signal, print }) {
    const { method, calibration, test, seed, threads } = options;
    const { columnsFrom } = await import('../data/index.ts');
    const { estimateRun, planPrune, pruneModel, sparsityFrom } = await import('../methods/mosp/index.ts');

    const sparsities = sparsitiesOf(options, sparsityFrom);
    if (calibration === undefined) {
      throw new CriaError('--calibration is required', { remedy: 'pass --calibration FILE' });
    }
    const files = [calibration, test];
    refuseGgufName(args.out, 'a folder name, and convert models afterwards');
    refuseOutput(args.out, options.force, [modelPath(args.model), ...files]);
    const opening = { model: args.model, weights: 'f32', threads, progress } as const;
    return withModel(opening, async ({ model, tokenizer }) => {
      const sequence = sequenceOf(options.sequence, model.config.context);
      const columns = columnsFrom(options.columns);
      const { keep, reprune, samples, capture, resume, force } = options;
      const how = { ...sparsities, keep, reprune, samples, capture, resume, force };
      const asked = { ...how, method, calibration, test, sequence, columns };
      if (options.dryRun) {
        const plan = await planPrune(model, tokenizer, asked, { signal });
        const estimate = await estimateRun(plan, model, [method]);
        print(`${estimated(estimate)}\n`);
        return { ...estimate, skipped: plan.targets.skipped, path: args.out };
      }
      const { json: _, quiet: __, resume: ___, force: ____, threads: _____, dryRun: ______, ...said } = options;
      const provenance = await provenanceFor('prune', args.model, said, { files, seed, progress, signal });
      const result = await pruneModel(model, tokenizer, args.out, asked, provenance, { progress, signal });
      const { perplexityBefore: before, perplexityAfter: after, seconds } = result;
      const tested =
        before === null || after === null ? '' : `, perplexity ${figure(before)} before and ${figure(after)} after`;
      print(
        `${resolve(args.out)}: ${figure(100 * result.sparsity)}% zeros by ${method}${tested}, in ${figure(seconds)} s. ` +
          'A dense file with zeros is neither smaller nor faster by itself.\n',
      );
      return result;
    });
  },
});
