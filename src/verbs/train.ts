import { resolve } from 'node:path';
import { CriaError, figure, refuseExisting } from '../base/index.ts';
import {
  adapterOption,
  argument,
  choice,
  columnsOption,
  defineVerb,
  flag,
  forceOption,
  integer,
  modelArgument,
  modelPath,
  number,
  text,
} from '../options/index.ts';
import { refuseAround } from './shared/replace.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    data: text('what is learned: .jsonl, .json, .csv, .parquet or .txt', { placeholder: 'file' }),
    columns: columnsOption,
    valid: text('held-out data, whose loss is told before and after', { placeholder: 'file' }),
    mode: choice(['lora', 'full', 'prompt', 'prefix'], 'what is trained', 'lora'),
    loss: choice(['ce', 'dpo', 'kd'], 'cross entropy, preferences, or distillation from --teacher', 'ce'),
    rank: integer('rank of LoRA (default: 16)', { min: 1 }),
    alpha: number('LoRA scales by alpha / rank (default: twice the rank)', { min: 0 }),
    rslora: flag('scale by alpha / sqrt(rank)'),
    targets: text('linear layers that LoRA adapts, as in q_proj,v_proj (default: all)', { placeholder: 'a,b' }),
    init: text('how LoRA starts: kaiming, eva, or an adapter folder to go on from', {
      default: 'kaiming',
      placeholder: 'kaiming|eva|folder',
    }),
    virtualTokens: integer('tokens of a prompt or a prefix (default: 16)', { min: 1 }),
    beta: number('dpo: what it costs to go away from the reference', { default: 0.1, min: 0 }),
    reference: choice(['base', 'start'], 'dpo: the model, or the model with the adapter of --init', 'base'),
    teacher: text('kd: the model to learn from; dpo: the reference', { placeholder: 'model' }),
    teacherTop: integer('kd: compute once and keep only so many of the likeliest tokens, as 10', { min: 1, max: 1024 }),
    entropyWeight: number('kd with --teacher-top: weight tokens by 1 + x times their normalized entropy', {
      default: 0,
      min: 0,
    }),
    temperature: number('kd: what logits are divided by', { default: 1, min: 0.01 }),
    steps: integer('updates (default: one round through the data)', { min: 1 }),
    batch: integer('sequences in an update', { default: 4, min: 1 }),
    accumulate: integer('pieces in which a batch is read, to save memory', { default: 1, min: 1 }),
    sequence: integer('the most tokens in a sequence (default: 512, or what the model takes)', { min: 2 }),
    packing: choice(['auto', 'concat', 'none'], 'join texts and cut them, or one a sequence', 'auto'),
    skipTokens: integer('joined texts: tokens at the start that are left out', { default: 0, min: 0 }),
    trainOnPrompts: flag('learn prompts and questions too, not only answers'),
    lr: number('learning rate', { default: 2e-4, min: 0 }),
    schedule: choice(['constant', 'linear', 'cosine'], 'how the learning rate falls', 'cosine'),
    warmup: integer('updates in which the learning rate rises', { default: 0, min: 0 }),
    weightDecay: number('AdamW: decay of matrices', { default: 0, min: 0 }),
    adamBeta1: number("AdamW: decay of the gradients' mean", { default: 0.9, min: 0, max: 0.9999999 }),
    adamBeta2: number("AdamW: decay of their squares' mean", { default: 0.999, min: 0, max: 0.9999999 }),
    keepZeros: flag('full: matrix entries that are zero, as pruning leaves them, stay zero'),
    clip: number('the largest norm of the gradients; 0 does not clip', { default: 1, min: 0 }),
    shuffle: flag('keep the order of the data', true),
    saveEvery: integer('updates between saved states; 0 saves only when interrupted', { default: 100, min: 0 }),
    resume: flag('go on with an interrupted run'),
    log: text('a file that gets a line of JSON for every update', { placeholder: 'file' }),
    adapter: adapterOption,
    weights: choice(['f32', 'auto', 'q8', 'q4'], 'precision of the weights that stay as they are', 'f32'),
    force: forceOption,
  },
  examples: [
    'train model.gguf adapter --data answers.jsonl --rank 16 --steps 200',
    'train org/name adapter --data train.csv --columns prompt=question,completion=answer --resume',
    'train model tuned --mode full --data book.txt --sequence 256 --lr 1e-4',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, resume, force, ...said } = options;
    const { data, threads, weights: precision, seed, columns, init, packing, lr, rslora, targets, ...other } = said;
    const { adapter: adapters, adamBeta1, adamBeta2, ...rest } = other;
    if (data === undefined) throw new CriaError('there is nothing to learn', { remedy: 'give --data train.jsonl' });
    const { inputHashes, provenanceOf } = await import('../artifact/index.ts');
    const { columnsFrom } = await import('../data/index.ts');
    const { loadModel } = await import('../model/index.ts');
    const { openTokenizer } = await import('../tokenizer/index.ts');
    const { trainModel } = await import('../train/index.ts');

    if (options.mode === 'full' && precision !== 'f32') {
      const remedy = 'leave it out: only weights that stay as they are can be packed';
      throw new CriaError('full training is in float32', { where: '--weights', remedy });
    }
    const path = modelPath(args.model);
    const teacher = rest.teacher === undefined ? undefined : modelPath(rest.teacher);
    const start = init === 'kaiming' || init === 'eva' ? undefined : init;
    if (init === 'eva' && options.mode !== 'lora') {
      throw new CriaError('eva starts LoRA only', { where: '--init', remedy: 'give --mode lora, or leave it out' });
    }
    const read = [data, rest.valid, start, ...adapters];
    if (force) for (const each of [path, teacher, ...read]) if (each) refuseAround(args.out, each);
    refuseExisting(args.out, force);
    const model = loadModel(path, { threads, precision, adapters, progress });
    try {
      const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
      const settings = {
        ...rest,
        resume,
        force,
        seed,
        data,
        columns: columns === undefined ? undefined : columnsFrom(columns),
        rankStabilized: rslora,
        targets: targets?.split(',').filter(Boolean) ?? [],
        init: start,
        teacher,
        packing: packing === 'auto' ? undefined : packing,
        rate: lr,
        betas: [adamBeta1, adamBeta2] as const,
      };
      const models = { [args.model]: path, ...(rest.teacher && teacher ? { [rest.teacher]: teacher } : {}) };
      const inputs = await inputHashes({ models, files: read }, { progress, signal });
      const provenance = provenanceOf('train', args.model, said, seed, inputs);
      const fromEva = async (folder: string, resume: boolean) => {
        const { evaDefaults, initializeStart } = await import('../methods/eva/index.ts');
        const { rank = evaDefaults.rank, sequence = Math.min(512, model.config.context) } = settings;
        // of preferences, what the preferred answers read
        const columns = rest.loss === 'dpo' ? asCompletion('chosen', settings.columns) : settings.columns;
        const options = { ...evaDefaults, ...settings, rank, sequence, columns, resume, force: true };
        await initializeStart(model, tokenizer, folder, options, provenance, signal);
        if (rest.alpha !== undefined || rslora) {
          progress.note('EVA starts with products of scale 1: --alpha and --rslora say nothing.');
        }
      };
      const own = { rank: undefined, alpha: undefined, rankStabilized: false, targets: [], init: fromEva };
      const asked = init === 'eva' ? { ...settings, ...own } : settings;
      const result = await trainModel(model, tokenizer, args.out, asked, provenance, signal);
      const { steps, loss, seconds } = result;
      print(`${resolve(args.out)}: ${steps} steps in ${figure(seconds)} s, last loss ${loss.toFixed(4)}\n`);
      return result;
    } finally {
      model.close();
    }
  },
});

/** Columns under which a file's `name` is read as the completion. */
const asCompletion = (name: string, columns: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> =>
  new Map([...columns, ['completion', columns.get(name) ?? name]]);
