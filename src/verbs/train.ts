import { resolve } from 'node:path';
import { CriaError, figure } from '../base/index.ts';
import {
  adapterOption,
  argument,
  choice,
  defineVerb,
  modelArgument,
  modelPath,
  templateOption,
} from '../options/index.ts';
import { trainOptions } from '../train/options.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    ...trainOptions,
    template: templateOption,
    adapter: adapterOption,
    weights: choice(['f32', 'auto', 'q8', 'q4'], 'precision of the frozen weights', 'f32'),
  },
  examples: [
    'train model.gguf adapter --data answers.jsonl --rank 16 --steps 200',
    'train org/name adapter --data train.csv --columns prompt=question,completion=answer --resume',
    'train model tuned --mode full --data book.txt --sequence 256 --lr 1e-4',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, resume, force, ...said } = options;
    const { data, threads: ___, weights: precision, seed, columns, init, adapter: adapters, ...rest } = said;
    if (data === undefined) throw new CriaError('--data is required', { remedy: 'for example --data train.jsonl' });
    const { columnsFrom } = await import('../data/index.ts');
    const { trainModel } = await import('../train/index.ts');

    if (options.mode === 'full' && precision !== 'f32') {
      const remedy = 'leave it out: only frozen weights can be quantized';
      throw new CriaError('must be f32 with --mode full', { where: '--weights', remedy });
    }
    const teacher = rest.teacher === undefined ? undefined : modelPath(rest.teacher);
    const start = init === 'kaiming' || init === 'eva' ? undefined : init;
    if (init === 'eva' && options.mode !== 'lora') {
      throw new CriaError('eva requires --mode lora', { where: '--init', remedy: 'pass --mode lora, or leave it out' });
    }
    const files = [data, rest.valid, rest.template, start, ...adapters];
    refuseOutput(args.out, force, [modelPath(args.model), teacher, ...files]);
    return withModel({ ...options, model: args.model, progress }, async ({ model, tokenizer }) => {
      const settings = {
        ...rest,
        resume,
        force,
        seed,
        data,
        columns: columnsFrom(columns),
        init: start,
        teacher,
      };
      const read = { files, models: [args.model, rest.teacher], seed, progress, signal };
      const provenance = await provenanceFor('train', args.model, said, read);
      const fromEva = async (folder: string, resume: boolean) => {
        const { evaDefaults, initializeStart } = await import('../methods/eva/index.ts');
        const { rank = evaDefaults.rank, sequence = Math.min(512, model.config.context) } = settings;
        // of preferences, what the preferred answers read
        const columns = rest.loss === 'dpo' ? asCompletion('chosen', settings.columns) : settings.columns;
        const options = { ...evaDefaults, ...settings, rank, sequence, columns, resume, force: true };
        await initializeStart(model, tokenizer, folder, options, provenance, signal);
        if (rest.alpha !== undefined || rest.rslora) {
          progress.note('EVA sets the scale of LoRA to 1: --alpha and --rslora are ignored.');
        }
      };
      const own = { rank: undefined, alpha: undefined, rslora: false, targets: [], init: fromEva };
      const asked = init === 'eva' ? { ...settings, ...own } : settings;
      const result = await trainModel(model, tokenizer, args.out, asked, provenance, signal);
      const { steps, loss, seconds } = result;
      print(`${resolve(args.out)}: ${steps} steps in ${figure(seconds)} s, last loss ${loss.toFixed(4)}\n`);
      return result;
    });
  },
});

/** Columns under which a file's `name` is read as the completion. */
const asCompletion = (name: string, columns: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> =>
  new Map([...columns, ['completion', columns.get(name) ?? name]]);
