import { CriaError, type RunState, throwIfAborted } from '../base/index.ts';
import type { Adapter } from '../checkpoint/index.ts';
import { type Forward, type LoadedModel, loadModel, openForward } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import {
  type Batching,
  type BatchSampler,
  cachedDistillationSampler,
  distillationSampler,
  predictionSampler,
  preferenceSampler,
} from './batch-sampler.ts';
import { packed, usedIndexes } from './batches.ts';
import type { Example, Pair } from './examples.ts';
import type { ForwardBackward } from './forward-backward.ts';
import { cachedDistillation, crossEntropy, distillation, type Loss, preference } from './losses.ts';
import { predictionMicroBatch, targetTokens } from './micro-batch.ts';
import { readMargins, withMargins, writeMargins } from './reference.ts';
import type { ResolvedOptions } from './resolved-options.ts';
import { textsAtOnce } from './resolved-options.ts';
import { marginsFile, teacherCacheFile } from './state.ts';
import { readTeacherCache, rowBegins, teacherCache, writeTeacherCache } from './teacher-cache.ts';
import { dataName, examplesOf, hashOf, pairsOf, type TrainingData } from './training-data.ts';

/** Prepared data and the loss on it. */
export interface TrainingTask {
  readonly loss: Loss;
  /** Sequences or pairs in one epoch. */
  readonly examples: number;
  /** Bytes of a teacher's weights beside the model's, while it is trained. */
  readonly bytes: number;
  /** The batches of `steps` steps; the outputs of a teacher or a reference that are computed once are steps of `state`. */
  sampler(steps: number, state: RunState): Promise<BatchSampler>;
  close(): Promise<void>;
}

/** The task that options ask for; `before` are the virtual tokens in front of every text, `start` an initial adapter. */
export async function openTrainingTask(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: ResolvedOptions,
  before: readonly number[],
  start: Adapter | undefined,
  signal?: AbortSignal,
): Promise<TrainingTask> {
  const batching: Batching = {
    size: options.batch,
    atOnce: textsAtOnce(options),
    shuffle: options.shuffle,
    seed: options.seed,
    before,
  };
  if (options.loss === 'dpo') return preferenceTask(model, tokenizer, options, batching, start, signal);
  const sequences = await sequencesIn(options.data, tokenizer, options, model, signal);
  if (options.loss === 'kd') return distillationTask(model, sequences, options, batching, signal);
  const sampler = predictionSampler(sequences, batching);
  return { sampler: async () => sampler, loss: crossEntropy, examples: sequences.length, bytes: 0, close: nothing };
}

const nothing = async (): Promise<void> => {};

/** Distillation from a teacher that reads every batch, or from a cache of its likeliest tokens. */
async function distillationTask(
  model: LoadedModel,
  sequences: readonly Example[],
  options: ResolvedOptions,
  batching: Batching,
  signal: AbortSignal | undefined,
): Promise<TrainingTask> {
  const { teacher: given, teacherTop, temperature, entropyWeight, tail, teacherShare } = options;
  const { progress } = model;
  const examples = sequences.length;
  const loss = cachedDistillation({ temperature, tail, share: teacherShare });
  const cached = { loss, examples, bytes: 0, close: nothing };
  if (typeof given === 'object') {
    if (given.rows !== rowBegins(sequences).at(-1)) throw new Error('the teacher cache was made from other sequences');
    const sampler = cachedDistillationSampler(sequences, batching, given, entropyWeight);
    return { ...cached, sampler: async () => sampler };
  }
  const teacher = openTeacher(given as string, model, options.sequence);
  if (teacherTop !== undefined) {
    return {
      ...cached,
      async sampler(steps, state) {
        const used = usedIndexes(examples, batching, steps);
        const some = used.map((i) => sequences[i] as Example);
        const top = Math.min(teacherTop, teacher.config.vocabulary);
        const key = JSON.stringify([top, temperature, used.length, hashOf(some)]);
        const path = state.path(teacherCacheFile);
        let cache = readTeacherCache(path, key);
        if (!cache) {
          const forward = await openForward(teacher);
          cache = await teacherCache(forward, some, { top, temperature, progress, signal });
          await forward.dispose();
          await writeTeacherCache(path, cache, key);
        }
        teacher.close();
        return cachedDistillationSampler(sequences, batching, cache, entropyWeight, used);
      },
      close: async () => teacher.close(),
    };
  }
  let forward: Forward | undefined;
  return {
    loss: distillation(temperature),
    examples,
    bytes: teacher.bound(teacher.precision).bytes,
    async sampler() {
      forward = await openForward(teacher);
      return distillationSampler(sequences, batching, forward);
    },
    async close() {
      await forward?.dispose();
      teacher.close();
    },
  };
}

/** Preferences against a reference: the model as it is, with the initial adapter, or another one. */
async function preferenceTask(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: ResolvedOptions,
  batching: Batching,
  start: Adapter | undefined,
  signal: AbortSignal | undefined,
): Promise<TrainingTask> {
  const { columns, trainOnPrompts } = options;
  const { progress } = model;
  const pairs = await pairsOf(options.data, { tokenizer, columns, trainOnPrompts, progress, signal });
  const fits = (pair: Pair) => [pair.chosen, pair.rejected].every(({ ids }) => ids.length <= options.sequence);
  const kept = pairs.filter(fits);
  if (kept.length < pairs.length) {
    const sentence = `${pairs.length - kept.length} of ${pairs.length} pairs are longer than ${options.sequence} tokens`;
    const where = dataName(options.data);
    if (kept.length === 0) throw new CriaError(sentence, { where, remedy: 'use a larger --sequence' });
    progress.note(`${sentence} and are left out.`);
  }
  return {
    loss: preference(options.beta),
    examples: kept.length,
    bytes: 0,
    async sampler(steps, state) {
      const used = usedIndexes(kept.length, batching, steps);
      const some = used.map((i) => kept[i] as Pair);
      const known = some.every(({ margin }) => margin !== undefined);
      const taken = known ? some : await cachedMargins(some, state.path(marginsFile));
      const all = [...kept];
      for (const [k, i] of used.entries()) all[i] = taken[k] as Pair;
      return preferenceSampler(all, batching);
    },
    close: nothing,
  };

  async function cachedMargins(some: readonly Pair[], path: string): Promise<readonly Pair[]> {
    const key = JSON.stringify([options.reference, options.teacher ?? null, hashOf(some)]);
    const cached = readMargins(path, some, key);
    if (cached) return cached;
    const reference = referenceFor(model, options, start);
    try {
      const forward = await openForward(reference);
      const found = await withMargins(some, forward, batching.atOnce, { progress, signal });
      await forward.dispose();
      await writeMargins(path, found, key);
      return found;
    } finally {
      if (reference !== model) reference.close();
    }
  }
}

/** The model that preferences are measured against. */
function referenceFor(model: LoadedModel, options: ResolvedOptions, start: Adapter | undefined): LoadedModel {
  const { device, threads, progress, precision } = model;
  if (typeof options.teacher === 'string') return openTeacher(options.teacher, model, options.sequence);
  if (options.reference === 'base' || !start) return model;
  return loadModel(model.path, { device, threads, progress, precision, adapters: [start] });
}

/** @throws CriaError when the model at `path` cannot teach this one. */
function openTeacher(path: string, model: LoadedModel, sequence: number): LoadedModel {
  const { device, threads, progress } = model;
  const teacher = loadModel(path, { device, threads, progress });
  try {
    refuseTeacher(teacher, model, sequence);
    return teacher;
  } catch (error) {
    teacher.close();
    throw error;
  }
}

/** How the examples of a file become sequences. */
export type Sequencing = Pick<ResolvedOptions, 'columns' | 'trainOnPrompts' | 'sequence' | 'packing' | 'skipTokens'>;

/** The sequences of data; reports how many texts were cut. */
export async function sequencesIn(
  data: TrainingData,
  tokenizer: Tokenizer,
  options: Sequencing,
  { progress }: Pick<LoadedModel, 'progress'>,
  signal?: AbortSignal,
): Promise<readonly Example[]> {
  const { columns, trainOnPrompts, sequence } = options;
  const { forms, examples } = await examplesOf(data, { tokenizer, columns, trainOnPrompts, progress, signal });
  const auto = forms.size === 1 && forms.has('text') ? 'concat' : 'none';
  const packing = options.packing === 'auto' ? auto : options.packing;
  if (options.skipTokens > 0 && packing === 'none') {
    const remedy = 'leave it out, or pass --packing concat';
    throw new CriaError('requires --packing concat', { where: '--skip-tokens', remedy });
  }
  const { sequences, cut } = packed(examples, packing, sequence, options.skipTokens, dataName(data));
  if (cut > 0) progress.note(`${cut} of ${examples.length} texts were cut to ${sequence} tokens.`);
  return sequences;
}

function refuseTeacher(teacher: LoadedModel, { config }: LoadedModel, sequence: number): void {
  const { vocabulary, context } = teacher.config;
  if (vocabulary !== config.vocabulary) {
    const what = `the vocabulary of the teacher has ${vocabulary} tokens, that of the model ${config.vocabulary}`;
    throw new CriaError(what, { where: teacher.path, remedy: 'use a teacher with the same tokenizer' });
  }
  if (sequence > context) {
    const what = `the context of the teacher, ${context} tokens, is shorter than --sequence ${sequence}`;
    throw new CriaError(what, { where: teacher.path, remedy: `pass --sequence ${context}` });
  }
}

/**
 * A function that computes the mean cross entropy of the target tokens of held-out data; undefined where none
 * is given.
 */
export async function heldOut(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: ResolvedOptions,
  before: readonly number[],
  signal?: AbortSignal,
): Promise<((compiled: ForwardBackward) => Promise<number>) | undefined> {
  if (options.valid === undefined) return undefined;
  const sequences = await sequencesIn(options.valid, tokenizer, { ...options, skipTokens: 0 }, model, signal);
  const total = targetTokens(sequences);
  const atOnce = textsAtOnce(options);
  return async (compiled) => {
    let loss = 0;
    for (let from = 0; from < sequences.length; from += atOnce) {
      throwIfAborted(signal);
      loss += await compiled.loss(predictionMicroBatch(sequences.slice(from, from + atOnce), total, before));
      model.progress.step('held-out', Math.min(sequences.length, from + atOnce), sequences.length, 'sequences');
    }
    model.progress.note(`held-out loss ${loss.toFixed(4)}`);
    return loss;
  };
}
