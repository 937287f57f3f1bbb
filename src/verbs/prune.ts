import { resolve } from 'node:path';
import { CriaError, figure, refuseExisting } from '../base/index.ts';
import { argument, choice, defineVerb, forceOption, modelArgument, modelPath, text } from '../options/index.ts';
import { pruningOptions, sequenceOf, sparsitiesOf } from './shared/pruning-options.ts';
import { refuseAround } from './shared/replace.ts';

const { dryRun: _, ...options } = pruningOptions;

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    method: choice(['magnitude', 'wanda', 'sparsegpt', 'alps'], 'how weights are chosen, and corrected', 'alps'),
    calibration: text('data that the model should keep well: .txt, .jsonl, .csv or .parquet', { placeholder: 'file' }),
    test: text('text of which the perplexity is measured before and after', { placeholder: 'file' }),
    ...options,
    force: forceOption,
  },
  examples: ['prune org/name pruned --method sparsegpt --sparsity 2:4 --calibration book.txt'],
  async run({ args, options, progress, signal, print }) {
    const { method, calibration, test, seed, threads } = options;
    const { inputHashes, provenanceOf } = await import('../artifact/index.ts');
    const { columnsFrom } = await import('../data/index.ts');
    const { pruneModel, sparsityFrom } = await import('../methods/mosp/index.ts');
    const { loadModel } = await import('../model/index.ts');
    const { openTokenizer } = await import('../tokenizer/index.ts');

    const path = modelPath(args.model);
    const sparsities = sparsitiesOf(options, sparsityFrom);
    if (calibration === undefined) {
      throw new CriaError('no calibration data is given', { remedy: 'give --calibration FILE' });
    }
    refuseExisting(args.out, options.force);
    const files = [calibration, test];
    if (options.force) for (const read of [path, ...files]) if (read !== undefined) refuseAround(args.out, read);
    const model = loadModel(path, { threads, precision: 'f32', progress });
    try {
      const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
      const { json: _, quiet: __, resume: ___, force: ____, threads: _____, ...said } = options;
      const inputs = await inputHashes({ models: { [args.model]: path }, files }, { progress, signal });
      const provenance = provenanceOf('prune', args.model, said, seed, inputs);
      const sequence = sequenceOf(options.sequence, model.config.context);
      const columns = options.columns === undefined ? undefined : columnsFrom(options.columns);
      const { keep, reprune, samples, capture, resume, force } = options;
      const asked = {
        ...sparsities,
        keep,
        reprune,
        samples,
        capture,
        resume,
        force,
        method,
        calibration,
        test,
        sequence,
        columns,
      };
      const result = await pruneModel(model, tokenizer, args.out, asked, provenance, { progress, signal });
      const { perplexityBefore: before, perplexityAfter: after, seconds } = result;
      const tested =
        before === null || after === null ? '' : `, perplexity ${figure(before)} before and ${figure(after)} after`;
      print(
        `${resolve(args.out)}: ${figure(100 * result.sparsity)}% zeros by ${method}${tested}, in ${figure(seconds)} s. ` +
          'A dense file with zeros is neither smaller nor faster by itself.\n',
      );
      return result;
    } finally {
      model.close();
    }
  },
});
