import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Origin } from '../../artifact/index.ts';
import { CriaError } from '../../base/index.ts';
import type { EvaOptions, InitializeOptions } from '../../methods/eva/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { figure } from '../format.ts';
import { modelPath } from '../model-path.ts';
import { argument, choice, flag, integer, number, text } from '../options.ts';
import { refuseAround } from '../replace.ts';
import { columnsOption, forceOption, modelArgument } from '../shared-options.ts';
import { defineVerb } from '../verb.ts';

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
    beta: number('dpo: what it costs to go away from the model before training', { default: 0.1, min: 0 }),
    teacher: text('kd: the model to learn from', { placeholder: 'model' }),
    temperature: number('kd: what logits are divided by', { default: 1, min: 0.01 }),
    steps: integer('updates (default: one round through the data)', { min: 1 }),
    batch: integer('sequences in an update', { default: 4, min: 1 }),
    accumulate: integer('pieces in which a batch is read, to save memory', { default: 1, min: 1 }),
    sequence: integer('the most tokens in a sequence (default: 512, or what the model takes)', { min: 2 }),
    packing: choice(['auto', 'concat', 'none'], 'join texts and cut them, or one a sequence', 'auto'),
    skipTokens: integer('joined texts: tokens at the start that are left out', { default: 0, min: 0 }),
    learnPrompts: flag('learn prompts and questions too, not only answers'),
    lr: number('learning rate', { default: 2e-4, min: 0 }),
    schedule: choice(['constant', 'linear', 'cosine'], 'how the learning rate falls', 'cosine'),
    warmup: integer('updates in which the learning rate rises', { default: 0, min: 0 }),
    weightDecay: number('AdamW: decay of matrices', { default: 0, min: 0 }),
    clip: number('the largest norm of the gradients; 0 does not clip', { default: 1, min: 0 }),
    shuffle: flag('keep the order of the data', true),
    saveEvery: integer('updates between saved states; 0 saves only when interrupted', { default: 100, min: 0 }),
    resume: flag('go on with an interrupted run'),
    log: text('a file that gets a line of JSON for every update', { placeholder: 'file' }),
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
    const { data, threads, weights: precision, seed, columns, init, packing, lr, rslora, targets, ...rest } = said;
    if (data === undefined) throw new CriaError('there is nothing to learn', { remedy: 'give --data train.jsonl' });
    const { originOf } = await import('../../artifact/index.ts');
    const { columnsFrom } = await import('../../data/index.ts');
    const { loadModel } = await import('../../model/index.ts');
    const { openTokenizer } = await import('../../tokenizer/index.ts');
    const { trainModel } = await import('../../train/index.ts');

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
    if (force) for (const read of [path, teacher, data, rest.valid, start]) if (read) refuseAround(args.out, read);
    const model = loadModel(path, { threads, precision, progress });
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
        init: init === 'eva' ? evaFolder(args.out) : start,
        teacher,
        packing: packing === 'auto' ? undefined : packing,
        rate: lr,
      };
      const origin = originOf('train', args.model, said, seed);
      if (init === 'eva') {
        const sequence = settings.sequence ?? Math.min(512, model.config.context);
        await startByEva(model, tokenizer, evaFolder(args.out), { ...settings, sequence }, origin, signal);
        if (rest.alpha !== undefined || rslora) {
          progress.note('EVA starts with products of scale 1: --alpha and --rslora say nothing.');
        }
      }
      const own = init === 'eva' ? { rank: undefined, alpha: undefined, rankStabilized: false, targets: [] } : {};
      const result = await trainModel(model, tokenizer, args.out, { ...settings, ...own }, origin, signal);
      if (init === 'eva') rmSync(evaFolder(args.out), { recursive: true });
      const { steps, loss, seconds } = result;
      print(`${resolve(args.out)}: ${steps} steps in ${figure(seconds)} s, last loss ${loss.toFixed(4)}\n`);
      return result;
    } finally {
      model.close();
    }
  },
});

/** Where the adapter that EVA has made lies until training from it has ended: beside the output. */
const evaFolder = (out: string): string => `${out}.start`;

/** Writes the adapter that EVA starts from, with its usual options; a run that goes on has it already. */
async function startByEva(
  model: LoadedModel,
  tokenizer: Tokenizer,
  folder: string,
  options: Omit<InitializeOptions, Exclude<keyof EvaOptions, 'targets'>> & { readonly rank?: number },
  origin: Origin,
  signal: AbortSignal,
): Promise<void> {
  if (options.resume) return;
  const { evaDefaults, initializeAdapter } = await import('../../methods/eva/index.ts');
  const { rank = evaDefaults.rank, targets } = options;
  const settings = { ...options, ...evaDefaults, rank, targets, force: true };
  await initializeAdapter(model, tokenizer, folder, settings, origin, signal);
}
