import { CriaError, throwIfAborted } from '../base/index.ts';
import { type LoadedModel, loadModel, openForward } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import {
  type Batching,
  type BatchSampler,
  distillationSampler,
  predictionSampler,
  preferenceSampler,
} from './batch-sampler.ts';
import { packed } from './batches.ts';
import { type Example, type Pair, readExamples, readPairs } from './examples.ts';
import type { ForwardBackward } from './forward-backward.ts';
import { crossEntropy, distillation, type Loss, preference } from './losses.ts';
import { predictionMicroBatch, targetTokens } from './micro-batch.ts';
import type { ResolvedOptions } from './options.ts';
import { textsAtOnce } from './options.ts';

/** What is taught, and how well it was lossMask. */
export interface TrainingTask {
  readonly sampler: BatchSampler;
  readonly loss: Loss;
  /** Sequences or pairs in one round. */
  readonly examples: number;
  /** What the weights of a teacher or a reference take beside the model's. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** The task that options ask for; `before` are the virtual tokens in front of every text. */
export async function openTrainingTask(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: ResolvedOptions,
  before: readonly number[],
  signal?: AbortSignal,
): Promise<TrainingTask> {
  const batching: Batching = {
    size: options.batch,
    atOnce: textsAtOnce(options),
    shuffle: options.shuffle,
    seed: options.seed,
    before,
  };
  if (options.loss === 'dpo') return preferenceTask(model, tokenizer, options, batching, signal);
  const sequences = await sequencesIn(options.data, tokenizer, options, model, signal);
  const examples = sequences.length;
  if (options.loss === 'ce') {
    return {
      sampler: predictionSampler(sequences, batching),
      loss: crossEntropy,
      examples,
      bytes: 0,
      close: async () => {},
    };
  }
  const { device, threads, progress } = model;
  const teacher = loadModel(options.teacher as string, { device, threads, progress });
  try {
    refuseTeacher(teacher, model, options.sequence);
    const forward = await openForward(teacher);
    return {
      sampler: distillationSampler(sequences, batching, forward),
      loss: distillation(options.temperature),
      examples,
      bytes: teacher.bound(teacher.precision).bytes,
      async close() {
        await forward.dispose();
        teacher.close();
      },
    };
  } catch (error) {
    teacher.close();
    throw error;
  }
}

/** The reference of preferences is the model before it is trained. */
async function preferenceTask(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: ResolvedOptions,
  batching: Batching,
  signal: AbortSignal | undefined,
): Promise<TrainingTask> {
  const { columns, trainOnPrompts } = options;
  const { progress } = model;
  const pairs = await readPairs(options.data, { tokenizer, columns, trainOnPrompts, progress, signal });
  const fits = (pair: Pair) => [pair.chosen, pair.rejected].every(({ ids }) => ids.length <= options.sequence);
  const kept = pairs.filter(fits);
  if (kept.length < pairs.length) {
    const sentence = `${pairs.length - kept.length} of ${pairs.length} pairs are longer than ${options.sequence} tokens`;
    if (kept.length === 0) throw new CriaError(sentence, { where: options.data, remedy: 'give a larger --sequence' });
    progress.note(`${sentence} and are left out.`);
  }
  const reference = await openForward(model);
  return {
    sampler: preferenceSampler(kept, batching, reference),
    loss: preference(options.beta),
    examples: kept.length,
    bytes: options.mode === 'full' ? model.bound(model.precision).bytes : 0,
    close: () => reference.dispose(),
  };
}

/** How the examples of a file become sequences. */
export type Sequencing = Pick<ResolvedOptions, 'columns' | 'trainOnPrompts' | 'sequence' | 'packing' | 'skipTokens'>;

/** The sequences of a data file; tells how many texts were cut. */
export async function sequencesIn(
  path: string,
  tokenizer: Tokenizer,
  options: Sequencing,
  { progress }: Pick<LoadedModel, 'progress'>,
  signal?: AbortSignal,
): Promise<readonly Example[]> {
  const { columns, trainOnPrompts, sequence } = options;
  const { forms, examples } = await readExamples(path, { tokenizer, columns, trainOnPrompts, progress, signal });
  const packing = options.packing ?? (forms.size === 1 && forms.has('text') ? 'concat' : 'none');
  if (options.skipTokens > 0 && packing === 'none') {
    const remedy = 'leave it out, or --packing concat';
    throw new CriaError('tokens are skipped where texts are joined', { where: '--skip-tokens', remedy });
  }
  const { sequences, cut } = packed(examples, packing, sequence, options.skipTokens, path);
  if (cut > 0) progress.note(`${cut} of ${examples.length} texts were cut to ${sequence} tokens.`);
  return sequences;
}

function refuseTeacher(teacher: LoadedModel, { config }: LoadedModel, sequence: number): void {
  const { vocabulary, context } = teacher.config;
  if (vocabulary !== config.vocabulary) {
    const what = `the teacher's vocabulary has ${vocabulary} tokens, the model's ${config.vocabulary}`;
    throw new CriaError(what, { where: teacher.path, remedy: 'a teacher reads the same tokens' });
  }
  if (sequence > context) {
    const what = `the teacher's context of ${context} tokens is shorter than a sequence of ${sequence}`;
    throw new CriaError(what, { where: teacher.path, remedy: `give --sequence ${context}` });
  }
}

/**
 * The mean cross entropy of what is learned of held-out data, as a function that reads it once; undefined where none
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
    return loss;
  };
}
