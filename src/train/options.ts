import { existsSync } from 'node:fs';
import { appendLine, CriaError, refuseExisting, refuseRunState, type Settings } from '../base/index.ts';
import type { Columns } from '../data/index.ts';
import type { LoadedModel } from '../model/index.ts';
import { type Betas, usualBetas } from './adamw.ts';
import type { Packing } from './batches.ts';
import type { Tail } from './losses.ts';
import type { TrainingPlan } from './memory-estimate.ts';
import type { Schedule } from './schedule.ts';
import { hasState, stateFolder } from './state.ts';
import type { TeacherCache } from './teacher-cache.ts';
import { dataName, type TrainingData } from './training-data.ts';

export const modes = ['lora', 'full', 'prompt', 'prefix'] as const;
/** What is trained: low-rank updates, every weight, a soft prompt, or keys and values before the text. */
export type Mode = (typeof modes)[number];

export const lossNames = ['ce', 'dpo', 'kd'] as const;
/** Cross entropy, preferences between answers, or distillation from a teacher. */
export type LossName = (typeof lossNames)[number];

export const references = ['base', 'start'] as const;
export type Reference = (typeof references)[number];

/** What is trained, on what, and how: what is left out is as `trainDefaults` has it. */
export type TrainOptions = Partial<OptionsWithDefaults> & Pick<OptionsWithDefaults, 'data'>;

/** Options with defaults. */
export interface OptionsWithDefaults {
  /** A data file, or examples or pairs in memory. */
  readonly data: TrainingData;
  readonly columns?: Columns;
  /** Data whose loss is told before and after. */
  readonly valid?: string;
  readonly mode: Mode;
  readonly loss: LossName;
  /** LoRA: 16 by default. */
  readonly rank?: number;
  /** LoRA: twice the rank by default. */
  readonly alpha?: number;
  readonly rankStabilized: boolean;
  readonly targets: readonly string[];
  /**
   * An adapter folder to start from, in place of fresh values, or what makes one: it has its own rank, alpha, targets
   * and tokens. A folder that is made lies with the state of the run; a resumed run may find it there, or half made.
   */
  readonly init?: string | ((folder: string, resume: boolean) => Promise<void>);
  /** Virtual tokens of a prompt or a prefix: 16 by default. */
  readonly virtualTokens?: number;
  /** DPO: how much it costs to go away from the reference. */
  readonly beta: number;
  /** DPO: the model as it is, or with the initial adapter; `teacher` takes the place of both. */
  readonly reference: Reference;
  /** Distillation: the teacher, or a cache of it on the sequences of `data`. DPO: another model as the reference. */
  readonly teacher?: string | TeacherCache;
  /** Distillation: tokens of the teacher that are kept, computed once; without it the teacher reads every batch. */
  readonly teacherTop?: number;
  /** Distillation from a cache: weight of a token's entropy (`entropyWeights`). */
  readonly entropyWeight: number;
  /** Distillation from a cache: the tokens that are not kept. */
  readonly tail: Tail;
  /** Distillation from a cache: share of the divergence; the rest is cross entropy. */
  readonly teacherShare: number;
  readonly temperature: number;
  /** One round through the data where it is not given. */
  readonly steps?: number;
  readonly batch: number;
  /** Pieces in which a batch is read, one after the other. */
  readonly accumulate: number;
  /** The most tokens of a text in a sequence; by default 512, or what the context leaves. */
  readonly sequence?: number;
  /** By default texts are joined, and examples of other forms stand by themselves. */
  readonly packing?: Packing;
  readonly skipTokens: number;
  readonly trainOnPrompts: boolean;
  readonly shuffle: boolean;
  readonly rate: number;
  readonly schedule: Schedule;
  readonly warmup: number;
  readonly weightDecay: number;
  /** Decay rates of AdamW's moments. */
  readonly betas: Betas;
  /** Full training: matrix entries that are zero stay zero. */
  readonly keepZeros: boolean;
  /** The largest norm of all gradients together; 0 does not clip. */
  readonly clip: number;
  readonly seed: number;
  /** Steps between saved states; 0 saves when interrupted only. */
  readonly saveEvery: number;
  readonly resume: boolean;
  /** A file to which a line of JSON is appended for every step. */
  readonly log?: string;
  readonly force: boolean;
}

/** How a model is trained where nothing else is asked for. */
export const trainDefaults = {
  mode: 'lora',
  loss: 'ce',
  rankStabilized: false,
  targets: [],
  beta: 0.1,
  reference: 'base',
  entropyWeight: 0,
  tail: 'bucket',
  teacherShare: 1,
  temperature: 1,
  batch: 4,
  accumulate: 1,
  skipTokens: 0,
  trainOnPrompts: false,
  shuffle: true,
  rate: 2e-4,
  schedule: 'cosine',
  warmup: 0,
  weightDecay: 0,
  betas: usualBetas,
  keepZeros: false,
  clip: 1,
  seed: 0,
  saveEvery: 100,
  resume: false,
  force: false,
} as const satisfies Omit<TrainOptions, 'data'>;

/** The options, with defaults where they leave something open. */
export function withDefaults(options: TrainOptions): OptionsWithDefaults {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...trainDefaults, ...given, data: options.data };
}

/** Options of which nothing is left open, and whose start is there. */
export type ResolvedOptions = Omit<OptionsWithDefaults, 'init'> & { readonly init?: string; readonly sequence: number };

/**
 * Called before anything is read or written.
 * @throws CriaError when options do not fit together, or something is in the way.
 */
export function refuseConflicts({ config, adaptation }: LoadedModel, out: string, options: OptionsWithDefaults): void {
  const { sequence, batch, accumulate, loss, teacher, init, mode, resume, log } = options;
  refuseExisting(out, options.force);
  if (adaptation.values.size > 0) {
    throw new CriaError('a model with adapters is not trained', { remedy: 'merge them, or go on with one by --init' });
  }
  if (sequence !== undefined) refuseLong(sequence, 0, config.context);
  if (accumulate > batch) {
    const remedy = `give at most ${batch}`;
    throw new CriaError(`a batch of ${batch} has no ${accumulate} pieces`, { where: '--accumulate', remedy });
  }
  if (loss === 'kd' && teacher === undefined) {
    throw new CriaError('distillation needs a teacher', { remedy: 'give --teacher MODEL' });
  }
  if (loss === 'ce' && teacher !== undefined) {
    throw new CriaError('a teacher is for distillation', { where: '--teacher', remedy: 'leave it out, or --loss kd' });
  }
  if (loss !== 'kd' && options.teacherTop !== undefined) {
    const remedy = 'leave it out, or --loss kd';
    throw new CriaError('a teacher is for distillation', { where: '--teacher-top', remedy });
  }
  if (options.entropyWeight > 0 && options.teacherTop === undefined && typeof teacher !== 'object') {
    const remedy = 'give --loss kd and --teacher-top 10';
    throw new CriaError('entropies are those of cached teacher logits', { where: '--entropy-weight', remedy });
  }
  if (loss === 'dpo' && teacher !== undefined && options.reference === 'start') {
    const remedy = 'leave one of them out';
    throw new CriaError('the reference is --teacher or --reference start', { where: '--reference', remedy });
  }
  if (options.keepZeros && mode !== 'full') {
    throw new CriaError('zeros are kept in full training', { where: '--keep-zeros', remedy: 'give --mode full' });
  }
  if (loss === 'dpo' && (options.packing === 'concat' || options.skipTokens > 0)) {
    const where = options.packing === 'concat' ? '--packing' : '--skip-tokens';
    throw new CriaError('pairs of answers are not joined', { where, remedy: 'leave it out, or --loss ce' });
  }
  if (options.valid !== undefined && loss !== 'ce') {
    throw new CriaError('held-out loss is cross entropy', { where: '--valid', remedy: 'leave it out, or --loss ce' });
  }
  if (init !== undefined && mode === 'full') {
    throw new CriaError('full training starts from the model', { where: '--init', remedy: 'leave it out' });
  }
  // a run that was killed before it saved anything can be resumed, and nothing of it be lost
  const isThere = hasState(out) || (resume && existsSync(stateFolder(out)));
  refuseRunState(stateFolder(out), isThere, options);
  if (log !== undefined) appendLine(log, '');
}

/**
 * The options with the length of sequences, behind `before` virtual tokens each, and the folder of the start.
 * @throws CriaError when so many tokens do not fit into the model's context.
 */
export function resolveOptions(
  { config }: LoadedModel,
  options: OptionsWithDefaults,
  init: string | undefined,
  before: number,
): ResolvedOptions {
  const { sequence = Math.min(512, config.context - before) } = options;
  refuseLong(sequence, before, config.context);
  return { ...options, init, sequence };
}

function refuseLong(sequence: number, before: number, context: number): void {
  if (sequence + before <= context) return;
  throw new CriaError(`${sequence + before} tokens do not fit into the context of ${context}`, {
    where: '--sequence',
    remedy: `give at most ${context - before}`,
  });
}

/** Texts (or pairs) in a piece of a batch. */
export const textsAtOnce = ({ batch, accumulate }: Pick<OptionsWithDefaults, 'batch' | 'accumulate'>): number =>
  Math.ceil(batch / accumulate);

/** Sizes of a fresh adapter. */
export function initSizes({
  rank = 16,
  alpha = 2 * rank,
  virtualTokens = 16,
}: Pick<TrainOptions, 'rank' | 'alpha' | 'virtualTokens'>) {
  return { rank, alpha, virtualTokens };
}

/** What a resumed run has to repeat: the options, and what follows from more than them. */
export function settingsOf(model: LoadedModel, options: ResolvedOptions, found: Found): Settings {
  const { resume: _, force: __, log: ___, saveEvery: ____, valid: _____, columns, rate, ...rest } = options;
  const { data, teacher } = options;
  return {
    ...rest,
    lr: rate,
    data: dataName(data),
    teacher: typeof teacher === 'object' ? 'a cache' : teacher,
    ...(options.init === undefined ? initSizes(options) : {}),
    columns: columns && [...columns],
    ...found,
    model: model.path,
    weights: model.precision,
    threads: model.threads,
  };
}

/** What a run has found out. */
export interface Found {
  readonly steps: number;
  readonly examples: number;
  /** A hash of the data. */
  readonly content: string;
  readonly plan: TrainingPlan;
}
