import {
  choice,
  columnsOption,
  flag,
  forceOption,
  integer,
  number,
  resumeOption,
  text,
  words,
} from '../options/index.ts';

export const modes = ['lora', 'full', 'prompt', 'prefix'] as const;
/** What is trained: low-rank updates, every weight, a soft prompt, or keys and values before the text. */
export type Mode = (typeof modes)[number];

export const lossNames = ['ce', 'dpo', 'kd'] as const;
/** Cross entropy, preferences between answers, or distillation from a teacher. */
export type LossName = (typeof lossNames)[number];

const references = ['base', 'start'] as const;

/** How rows become sequences: what training and EVA share. */
export const sequenceOptions = {
  columns: columnsOption,
  batch: integer('sequences in a batch', { default: 4, min: 1 }),
  sequence: integer('the most tokens in a sequence (default: 512, or the context of the model)', { min: 2 }),
  packing: choice(['auto', 'concat', 'none'], 'concatenate texts and cut them, or one text a sequence', 'auto'),
  skipTokens: integer('with concatenated texts: tokens at the start that are left out', { default: 0, min: 0 }),
  trainOnPrompts: flag('use prompts and questions too, not only answers'),
  shuffle: flag('keep the order of the data', true),
};

/** How a model is trained: names are the flags of `cria train`, and the keys of `trainModel`. */
export const trainOptions = {
  ...sequenceOptions,
  data: text('training data: .jsonl, .json, .csv, .parquet or .txt', { placeholder: 'file' }),
  valid: text('held-out data; its loss is reported before and after', { placeholder: 'file' }),
  mode: choice(modes, 'what is trained', 'lora'),
  loss: choice(lossNames, 'cross entropy, preferences, or distillation from --teacher', 'ce'),
  rank: integer('rank of LoRA (default: 16)', { min: 1 }),
  alpha: number('LoRA scales by alpha / rank (default: twice the rank)', { min: 0 }),
  rslora: flag('scale by alpha / sqrt(rank)'),
  targets: words('linear layers that LoRA adapts, as in q_proj,v_proj (default: all)'),
  init: text('initial LoRA: kaiming, eva, or an adapter folder to continue from', {
    default: 'kaiming',
    placeholder: 'kaiming|eva|folder',
  }),
  virtualTokens: integer('tokens of a prompt or a prefix (default: 16)', { min: 1 }),
  beta: number('dpo: weight of the divergence from the reference', { default: 0.1, min: 0 }),
  reference: choice(references, 'dpo: the model, or the model with the adapter of --init', 'base'),
  teacher: text('kd: the teacher; dpo: the reference', { placeholder: 'model' }),
  teacherTop: integer('kd: compute once and keep only this many of the likeliest tokens, as 10', { min: 1, max: 1024 }),
  entropyWeight: number('kd with --teacher-top: weight tokens by 1 + x times their normalized entropy', {
    default: 0,
    min: 0,
  }),
  temperature: number('kd: logits are divided by it', { default: 1, min: 0.01 }),
  steps: integer('updates (default: one epoch)', { min: 1 }),
  accumulate: integer('micro-batches of a batch, to save memory', { default: 1, min: 1 }),
  lr: number('learning rate', { default: 2e-4, min: 0 }),
  schedule: choice(['constant', 'linear', 'cosine'], 'how the learning rate falls', 'cosine'),
  warmup: integer('updates in which the learning rate rises', { default: 0, min: 0 }),
  weightDecay: number('AdamW: decay of matrices', { default: 0, min: 0 }),
  adamBeta1: number("AdamW: decay of the gradients' mean", { default: 0.9, min: 0, max: 0.9999999 }),
  adamBeta2: number("AdamW: decay of their squares' mean", { default: 0.999, min: 0, max: 0.9999999 }),
  keepZeros: flag('full: matrix entries that are zero, as pruning leaves them, stay zero'),
  clip: number('the largest norm of the gradients; 0 does not clip', { default: 1, min: 0 }),
  saveEvery: integer('updates between saved states; 0 saves only when interrupted', { default: 100, min: 0 }),
  resume: resumeOption,
  log: text('a file that gets a line of JSON for every update', { placeholder: 'file' }),
  force: forceOption,
};
