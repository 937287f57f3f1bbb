import { resolve } from 'node:path';
import { CriaError, figure } from '../base/index.ts';
import { evaOptions } from '../methods/eva/options.ts';
import {
  adapterOption,
  argument,
  defineVerb,
  forceOption,
  modelArgument,
  modelPath,
  resumeOption,
  templateOption,
  text,
} from '../options/index.ts';
import { sequenceOptions } from '../train/options.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the adapter folder to write') },
  options: {
    data: text('training data: .jsonl, .json, .csv, .parquet or .txt', { placeholder: 'file' }),
    ...sequenceOptions,
    ...evaOptions,
    from: text('an adapter folder of cria eva, to redistribute its ranks without data', { placeholder: 'folder' }),
    template: templateOption,
    adapter: adapterOption,
    resume: resumeOption,
    force: forceOption,
  },
  examples: [
    'eva model.gguf start --data answers.jsonl --rank 16',
    'eva org/name start --data book.txt --targets q_proj,v_proj,down_proj --rho 1.5',
    'eva model.gguf smaller --from start --rank 8',
  ],
  async run({ args, options, progress, signal, print }) {
    const { data, columns, from, seed, adapter } = options;
    if ((data === undefined) === (from === undefined)) {
      const remedy = 'for example --data train.jsonl';
      throw new CriaError('exactly one of --data and --from is required', { remedy });
    }
    const files = [data, from, options.template, ...adapter];
    refuseOutput(args.out, options.force, [modelPath(args.model), ...files]);
    const { columnsFrom } = await import('../data/index.ts');
    const { initializeAdapter, initializeAgain, parameterCount } = await import('../methods/eva/index.ts');

    const begun = performance.now();
    return withModel({ ...options, model: args.model, weights: 'f32', progress }, async ({ model, tokenizer }) => {
      const { json: _, quiet: __, resume: ___, force: ____, ...said } = options;
      const provenance = await provenanceFor('eva', args.model, said, { files, seed, progress, signal });
      const settings = {
        ...options,
        columns: columnsFrom(columns),
        sequence: options.sequence ?? Math.min(512, model.config.context),
      };
      const result =
        data === undefined
          ? await initializeAgain(model, from as string, args.out, settings, provenance)
          : await initializeAdapter(model, tokenizer, args.out, { ...settings, data }, provenance, signal);
      const { ranks, state, unconverged } = result;
      const seconds = (performance.now() - begun) / 1000;
      const given = [...ranks.values()];
      const dropped = [...ranks].filter(([, rank]) => rank === 0).map(([name]) => name);
      const { parameters, uniform } = parameterCount(result, options.rank);
      if (unconverged.length > 0) {
        progress.note(`${unconverged.length} modules had not converged after ${state.batches} batches.`);
      }
      print(
        `${resolve(args.out)}: ranks ${Math.min(...given)} to ${Math.max(...given)} in ${given.length - dropped.length} ` +
          `modules, ${figure(parameters)} parameters (${figure(uniform)} with equal ranks), ` +
          `${state.batches} batches in ${figure(seconds)} s\n`,
      );
      const rankPattern = Object.fromEntries([...ranks].filter(([, rank]) => rank !== options.rank && rank > 0));
      const { batches } = state;
      return { rankPattern, dropped, unconverged, batches, parameters, uniform, seconds, path: args.out };
    });
  },
});
