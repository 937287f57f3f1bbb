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
  sequence: integer('maximum tokens in a sequence (default: 512, or the context of the model)', { min: 2 }),
  packing: choice(
    ['auto', 'concat', 'none'],
    'concat: concatenate texts and cut them; none: one text per sequence (auto: concat for plain text)',
    'auto',
  ),
  skipTokens: integer('with --packing concat: skip this many tokens at the start', { default: 0, min: 0 }),
  trainOnPrompts: flag('compute the loss on prompts too, not only on answers'),
  shuffle: flag('do not shuffle the data', true),
};

/** How a model is trained: names are the flags of `cria train`, and the keys of `trainModel`. */
export const trainOptions = {
  ...sequenceOptions,
  data: text('training data: .jsonl, .json, .csv, .parquet or .txt', { placeholder: 'file' }),
  valid: text('held-out data; its loss is reported before and after', { placeholder: 'file' }),
  mode: choice(modes, 'which parameters are trained', 'lora'),
  loss: choice(lossNames, 'cross entropy, preference pairs (DPO), or distillation from --teacher', 'ce'),
  rank: integer('rank of LoRA (default: 16)', { min: 1 }),
  alpha: number('LoRA scales by alpha / rank (default: twice the rank)', { min: 0 }),
  rslora: flag('scale by alpha / sqrt(rank)'),
  targets: words('linear layers that LoRA adapts, as in q_proj,v_proj (default: all)'),
  init: text('initial LoRA: kaiming, eva, or an adapter folder to continue from', {
    default: 'kaiming',
    placeholder: 'kaiming|eva|folder',
  }),
  virtualTokens: integer('virtual tokens of a prompt or prefix (default: 16)', { min: 1 }),
  beta: number('dpo: strength of the KL penalty to the reference (beta)', { default: 0.1, min: 0 }),
  reference: choice(references, 'dpo: the reference is the model, or the model with the adapter of --init', 'base'),
  teacher: text('kd: the teacher model; dpo: the reference model', { placeholder: 'model' }),
  teacherTop: integer("kd: cache only this many of the teacher's most likely tokens, for example 10", {
    min: 1,
    max: 1024,
  }),
  entropyWeight: number('kd with --teacher-top: weight tokens by 1 + x times their normalized entropy', {
    default: 0,
    min: 0,
  }),
  temperature: number('kd: softmax temperature', { default: 1, min: 0.01 }),
  steps: integer('optimizer steps (default: one epoch)', { min: 1 }),
  accumulate: integer('micro-batches per batch (gradient accumulation), to save memory', { default: 1, min: 1 }),
  lr: number('learning rate', { default: 2e-4, min: 0 }),
  schedule: choice(['constant', 'linear', 'cosine'], 'learning rate schedule', 'cosine'),
  warmup: integer('warmup steps', { default: 0, min: 0 }),
  weightDecay: number('AdamW: weight decay of matrices', { default: 0, min: 0 }),
  adamBeta1: number('AdamW: beta1', { default: 0.9, min: 0, max: 0.9999999 }),
  adamBeta2: number('AdamW: beta2', { default: 0.999, min: 0, max: 0.9999999 }),
  keepZeros: flag('full: keep zero entries of matrices at zero, for pruned models'),
  clip: number('clip the gradient norm to this value; 0 disables clipping', { default: 1, min: 0 }),
  saveEvery: integer('steps between checkpoints of the run; 0 saves only when interrupted', { default: 100, min: 0 }),
  resume: resumeOption,
  log: text('append a line of JSON per step to this file', { placeholder: 'file' }),
  force: forceOption,
};
