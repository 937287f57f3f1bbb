import { CriaError, throwIfAborted } from '../base/index.ts';
import { type LoadedModel, loadModel, openForward } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { packed } from './batches.ts';
import {
  type Batching,
  type Curriculum,
  distillationCurriculum,
  predictionCurriculum,
  preferenceCurriculum,
} from './curriculum.ts';
import { type Example, type Pair, readExamples, readPairs } from './examples.ts';
import type { Learner } from './learner.ts';
import { learnedTokens, predictionLesson } from './lesson.ts';
import { crossEntropy, distillation, type Loss, preference } from './losses.ts';
import type { Settled } from './options.ts';
import { textsAtOnce } from './options.ts';

/** What is taught, and how well it was learned. */
export interface Lecture {
  readonly curriculum: Curriculum;
  readonly loss: Loss;
  /** Sequences or pairs in one round. */
  readonly examples: number;
  /** What the weights of a teacher or a reference take beside the model's. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** The lecture that options ask for; `before` are the virtual tokens in front of every text. */
export async function openLecture(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: Settled,
  before: readonly number[],
  signal?: AbortSignal,
): Promise<Lecture> {
  const batching: Batching = {
    size: options.batch,
    atOnce: textsAtOnce(options),
    shuffle: options.shuffle,
    seed: options.seed,
    before,
  };
  if (options.loss === 'dpo') return preferenceLecture(model, tokenizer, options, batching, signal);
  const sequences = await sequencesIn(options.data, tokenizer, options, model, signal);
  const examples = sequences.length;
  if (options.loss === 'ce') {
    return {
      curriculum: predictionCurriculum(sequences, batching),
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
      curriculum: distillationCurriculum(sequences, batching, forward),
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
async function preferenceLecture(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: Settled,
  batching: Batching,
  signal: AbortSignal | undefined,
): Promise<Lecture> {
  const { columns, learnPrompts } = options;
  const { progress } = model;
  const pairs = await readPairs(options.data, { tokenizer, columns, learnPrompts, progress, signal });
  const fits = (pair: Pair) => [pair.chosen, pair.rejected].every(({ ids }) => ids.length <= options.sequence);
  const kept = pairs.filter(fits);
  if (kept.length < pairs.length) {
    const sentence = `${pairs.length - kept.length} of ${pairs.length} pairs are longer than ${options.sequence} tokens`;
    if (kept.length === 0) throw new CriaError(sentence, { where: options.data, remedy: 'give a larger --sequence' });
    progress.note(`${sentence} and are left out.`);
  }
  const reference = await openForward(model);
  return {
    curriculum: preferenceCurriculum(kept, batching, reference),
    loss: preference(options.beta),
    examples: kept.length,
    bytes: options.mode === 'full' ? model.bound(model.precision).bytes : 0,
    close: () => reference.dispose(),
  };
}

/** How the examples of a file become sequences. */
export type Sequencing = Pick<Settled, 'columns' | 'learnPrompts' | 'sequence' | 'packing' | 'skipTokens'>;

/** The sequences of a data file; tells how many texts were cut. */
export async function sequencesIn(
  path: string,
  tokenizer: Tokenizer,
  options: Sequencing,
  { progress }: Pick<LoadedModel, 'progress'>,
  signal?: AbortSignal,
): Promise<readonly Example[]> {
  const { columns, learnPrompts, sequence } = options;
  const { forms, examples } = await readExamples(path, { tokenizer, columns, learnPrompts, progress, signal });
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
  options: Settled,
  before: readonly number[],
  signal?: AbortSignal,
): Promise<((learner: Learner) => Promise<number>) | undefined> {
  if (options.valid === undefined) return undefined;
  const sequences = await sequencesIn(options.valid, tokenizer, { ...options, skipTokens: 0 }, model, signal);
  const total = learnedTokens(sequences);
  const atOnce = textsAtOnce(options);
  return async (learner) => {
    let loss = 0;
    for (let from = 0; from < sequences.length; from += atOnce) {
      throwIfAborted(signal);
      loss += await learner.loss(predictionLesson(sequences.slice(from, from + atOnce), total, before));
      model.progress.step('held-out', Math.min(sequences.length, from + atOnce), sequences.length, 'sequences');
    }
    return loss;
  };
}
