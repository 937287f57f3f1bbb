import { CriaError, refuseExisting, type Settings } from '../base/index.ts';
import type { Columns } from '../data/index.ts';
import type { LoadedModel } from '../model/index.ts';
import { defaultsOf, type OptionValues } from '../options/index.ts';
import type { Tail } from './losses.ts';
import { trainOptions } from './options.ts';
import type { TeacherCache } from './teacher-cache.ts';
import { dataName, type TrainingData } from './training-data.ts';

type Declared = OptionValues<typeof trainOptions>;

/** Options with defaults: those of `trainOptions`, and what only a program can give. */
export interface OptionsWithDefaults extends Omit<Declared, 'data' | 'columns' | 'init' | 'teacher'> {
  /** A data file, or examples or pairs in memory. */
  readonly data: TrainingData;
  readonly columns?: Columns | undefined;
  /**
   * An adapter folder to start from, or what makes one: it has its own rank, alpha, targets and tokens. A folder that is
   * made lies with the state of the run; a resumed run may find it there, or half made.
   */
  readonly init?: string | ((folder: string, resume: boolean) => Promise<void>) | undefined;
  /** Distillation: the teacher, or a cache of it on the sequences of `data`. DPO: another model as the reference. */
  readonly teacher?: string | TeacherCache | undefined;
  /** Distillation from a cache: the tokens that are not kept. */
  readonly tail: Tail;
  /** Distillation from a cache: share of the divergence; the rest is cross entropy. */
  readonly teacherShare: number;
  readonly seed: number;
}

/** What is trained, on what, and how: what is left out is as `trainDefaults` has it. */
export type TrainOptions = Partial<OptionsWithDefaults> & Pick<OptionsWithDefaults, 'data'>;

/** How a model is trained where nothing else is asked for. */
export const trainDefaults: Omit<OptionsWithDefaults, 'data'> = {
  ...defaultsOf(trainOptions),
  columns: undefined,
  init: undefined,
  tail: 'bucket',
  teacherShare: 1,
  seed: 0,
};

/** The options, with defaults where they leave something open. */
export function withDefaults(options: TrainOptions): OptionsWithDefaults {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...trainDefaults, ...given, data: options.data };
}

/** Options of which nothing is left open, and whose start is there. */
export type ResolvedOptions = Omit<OptionsWithDefaults, 'init'> & {
  readonly init?: string | undefined;
  readonly sequence: number;
};

/**
 * Called before anything is read or written.
 * @throws CriaError when options do not fit together, or something is in the way.
 */
export function refuseConflicts({ config, adaptation }: LoadedModel, out: string, options: OptionsWithDefaults): void {
  const { sequence, batch, accumulate, loss, teacher, init, mode } = options;
  refuseExisting(out, options.force);
  if (adaptation.values.size > 0) {
    throw new CriaError('cannot train with --adapter', {
      remedy: 'merge it first (cria merge), or continue it with --init',
    });
  }
  if (sequence !== undefined) refuseLong(sequence, 0, config.context);
  if (accumulate > batch) {
    const remedy = `use at most ${batch}`;
    throw new CriaError(`a batch of ${batch} cannot be split into ${accumulate} micro-batches`, {
      where: '--accumulate',
      remedy,
    });
  }
  if (loss === 'kd' && teacher === undefined) {
    throw new CriaError('--loss kd requires --teacher', { remedy: 'pass --teacher MODEL' });
  }
  if (loss === 'ce' && teacher !== undefined) {
    throw new CriaError('requires --loss kd or dpo', { where: '--teacher', remedy: 'leave it out, or pass --loss kd' });
  }
  if (loss !== 'kd' && options.teacherTop !== undefined) {
    const remedy = 'leave it out, or pass --loss kd';
    throw new CriaError('requires --loss kd', { where: '--teacher-top', remedy });
  }
  if (options.entropyWeight > 0 && options.teacherTop === undefined && typeof teacher !== 'object') {
    const remedy = 'leave it out, or pass --loss kd --teacher-top 10';
    throw new CriaError('requires --loss kd and --teacher-top', { where: '--entropy-weight', remedy });
  }
  if (loss === 'dpo' && teacher !== undefined && options.reference === 'start') {
    const remedy = 'leave one of them out';
    throw new CriaError('--reference start cannot be combined with --teacher', { where: '--reference', remedy });
  }
  if (options.keepZeros && mode !== 'full') {
    throw new CriaError('requires --mode full', { where: '--keep-zeros', remedy: 'leave it out, or pass --mode full' });
  }
  if (loss === 'dpo' && (options.packing === 'concat' || options.skipTokens > 0)) {
    const where = options.packing === 'concat' ? '--packing' : '--skip-tokens';
    throw new CriaError('is not available with --loss dpo', { where, remedy: 'leave it out, or pass --loss ce' });
  }
  if (options.valid !== undefined && loss !== 'ce') {
    throw new CriaError('requires --loss ce', { where: '--valid', remedy: 'leave it out, or pass --loss ce' });
  }
  if (init !== undefined && mode === 'full') {
    throw new CriaError('is not available with --mode full', { where: '--init', remedy: 'leave it out' });
  }
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
  throw new CriaError(`${sequence + before} tokens do not fit in the context of ${context}`, {
    where: '--sequence',
    remedy: `use at most ${context - before}`,
  });
}

/** Texts (or pairs) in a micro-batch. */
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

/** What a resumed run has to repeat: the options, a hash of the data, and how the model was opened. */
export function settingsOf(model: LoadedModel, options: OptionsWithDefaults, content: string): Settings {
  const { resume: _, force: __, log: ___, saveEvery: ____, valid: _____, ...rest } = options;
  const { data, teacher, init } = options;
  return {
    ...rest,
    data: dataName(data),
    teacher: typeof teacher === 'object' ? 'a cache' : teacher,
    init: typeof init === 'function' ? 'made' : init,
    ...(init === undefined ? initSizes(options) : {}),
    content,
    model: model.path,
    weights: model.precision,
    threads: model.threads,
  };
}
