import { existsSync } from 'node:fs';
import type { Provenance } from '../../artifact/index.ts';
import { type Progress, permutation, type RunPlace, type RunState, randomFrom } from '../../base/index.ts';
import { type LoadedModel, loadModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { trainModel } from '../../train/index.ts';
import { type Answer, answersOf, messagesFor, type Prompt, trainingExamples } from './answers.ts';
import type { Dataset, Question } from './dataset.ts';
import { letterEncoder } from './encoders.ts';
import type { Folds } from './folds.ts';
import { questionLanguages } from './quality.ts';
import { cosine, type Vector } from './vectors.ts';

/** How adapters are trained on people's answers, and what else is asked. */
export interface CrossFitOptions {
  readonly rank: number;
  readonly alpha: number;
  readonly rate: number;
  readonly epochs: number;
  readonly batch: number;
  readonly sequence: number;
  readonly maxTokens: number;
  readonly seed: number;
  /** Prompts that are compared with training: no system line, shots at random, the most similar shots. */
  readonly prompting: readonly Prompting[];
}

export const promptings = ['plain', 'few-shot', 'retrieval'] as const;
export type Prompting = (typeof promptings)[number];

/** Answers of one kind to every question. */
export interface Answered {
  readonly split: 'before' | 'heldout' | 'insample' | Prompting;
  readonly answers: readonly Answer[];
}

export interface CrossFit {
  readonly answered: readonly Answered[];
  /** The adapter folder of each fold. */
  readonly adapters: readonly string[];
  readonly steps: number;
}

/** The model, opened with adapters or without. */
export interface Opening {
  readonly path: string;
  readonly threads: number | undefined;
  readonly progress: Progress;
}

/** Where the state of a run lies: an adapter and its answers for each fold. */
export const crossFitPlace = (out: string, folds: number): RunPlace => ({
  out,
  ending: 'culture',
  names: [
    ...['before', ...promptings].map((split) => `${split}.json`),
    ...Array.from({ length: folds }, (_, i) => [
      `fold-${i + 1}`,
      `fold-${i + 1}.training`,
      ...['heldout', 'insample'].map((split) => `${split}-${i + 1}.json`),
    ]).flat(),
  ],
});

/**
 * Trains an adapter for each fold on the references of the others, and lets the model answer before, the adapter of a
 * fold answer its questions, and the adapter of the fold before it answer them too, which has seen them. Finished pieces
 * are steps of `state`.
 */
export async function crossFit(
  opening: Opening,
  tokenizer: Tokenizer,
  data: Dataset,
  folds: Folds,
  state: RunState,
  options: CrossFitOptions,
  { provenance, signal }: { readonly provenance: Provenance; readonly signal?: AbortSignal | undefined },
): Promise<CrossFit> {
  const piece = (name: string, make: () => Promise<Answer[]>): Promise<readonly Answer[]> =>
    state.once(`${name}.json`, make);
  const ask = async (model: LoadedModel, prompts: readonly Prompt[], what: string) =>
    answersOf(model, tokenizer, prompts, { maxTokens: options.maxTokens, signal, what });
  const langs = questionLanguages(data);
  const questions = new Map(data.questions.map((question) => [question.id, question]));
  const promptOf = (qid: string): Prompt => ({
    qid,
    messages: messagesFor((questions.get(qid) as Question).text, langs.get(qid)),
  });
  const shots = await shotsFor(data, folds, options.seed);
  const answered: Answered[] = [];
  const base = loadModel(opening.path, { ...opening, precision: 'auto' });
  try {
    const all = data.questions.map(({ id }) => id);
    answered.push({ split: 'before', answers: await piece('before', () => ask(base, all.map(promptOf), 'before')) });
    for (const prompting of options.prompting) {
      const prompts = all.map((qid): Prompt => {
        const { text } = questions.get(qid) as Question;
        const given = prompting === 'plain' ? { plain: true } : { shots: shots[prompting](qid) };
        return { qid, messages: messagesFor(text, langs.get(qid), given) };
      });
      answered.push({ split: prompting, answers: await piece(prompting, () => ask(base, prompts, prompting)) });
    }
  } finally {
    base.close();
  }
  const adapters: string[] = [];
  const own: { heldout: Answer[]; insample: Answer[] } = { heldout: [], insample: [] };
  let steps = 0;
  for (const [i, fold] of folds.entries()) {
    const adapter = state.path(`fold-${i + 1}`);
    const rows = data.references.filter(({ qid }) => !fold.includes(qid));
    steps = Math.ceil((rows.length * options.epochs) / options.batch);
    if (!existsSync(adapter)) {
      const examples = rows.flatMap(({ qid, text }) => trainingExamples(tokenizer, promptOf(qid).messages, text));
      const model = loadModel(opening.path, { ...opening, precision: 'f32' });
      try {
        await trainModel(
          model,
          tokenizer,
          adapter,
          {
            ...{ data: examples, rank: options.rank, alpha: options.alpha, rate: options.rate, steps },
            ...{
              batch: options.batch,
              accumulate: options.batch,
              warmup: Math.round(0.03 * steps),
              schedule: 'cosine',
            },
            ...{
              sequence: Math.min(options.sequence, model.config.context),
              targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
            },
            ...{ packing: 'none', seed: options.seed, saveEvery: 0, force: true },
          },
          provenance,
          signal,
        );
      } finally {
        model.close();
      }
    }
    adapters.push(adapter);
    const seen = folds[(i + 1) % folds.length] as readonly string[];
    const tuned = loadModel(opening.path, { ...opening, precision: 'auto', adapters: [adapter] });
    try {
      own.heldout.push(
        ...(await piece(`heldout-${i + 1}`, () => ask(tuned, fold.map(promptOf), `fold ${i + 1}, held out`))),
      );
      own.insample.push(
        ...(await piece(`insample-${i + 1}`, () => ask(tuned, seen.map(promptOf), `fold ${i + 1}, in sample`))),
      );
    } finally {
      tuned.close();
    }
  }
  return {
    answered: [...answered, { split: 'heldout', answers: own.heldout }, { split: 'insample', answers: own.insample }],
    adapters,
    steps,
  };
}

const shotCount = 3;

/** For a question three questions of other folds with the answer of a person: drawn, or the most similar by letters. */
async function shotsFor(data: Dataset, folds: Folds, seed: number) {
  const foldOf = new Map(folds.flatMap((fold, i) => fold.map((qid) => [qid, i] as const)));
  const texts = data.questions.map(({ text }) => text);
  const vectors = await letterEncoder.encode(texts, texts);
  const answerTo = (qid: string) => data.references.find((reference) => reference.qid === qid)?.text ?? '';
  const others = (qid: string) => data.questions.filter(({ id }) => foldOf.get(id) !== foldOf.get(qid));
  const pairsOf = (questions: readonly Question[]) =>
    questions.slice(0, shotCount).map(({ id, text }) => [text, answerTo(id)] as const);
  const random = randomFrom(seed);
  return {
    'few-shot': (qid: string) => {
      const some = others(qid);
      return pairsOf([...permutation(some.length, random)].map((i) => some[i] as Question));
    },
    retrieval: (qid: string) => {
      const own = vectors.get(data.questions.find(({ id }) => id === qid)?.text ?? '') as Vector;
      const similarity = ({ text }: Question) => cosine(own, vectors.get(text) as Vector);
      // the most similar stands last, next to the question
      return pairsOf(others(qid).toSorted((a, b) => similarity(b) - similarity(a))).toReversed();
    },
  };
}
