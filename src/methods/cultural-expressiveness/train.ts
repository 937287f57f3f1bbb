import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { type RunStart, refuseExisting, type Settings, withRunState, writeFolderAtomically } from '../../base/index.ts';
import { picture, writePage } from '../../report/index.ts';
import type { Drawing } from '../../statistics/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { type CrossFitOptions, crossFit, crossFitPlace, type Opening } from './cross-fit.ts';
import type { Dataset } from './dataset.ts';
import { lines } from './folder.ts';
import { type Folds, foldsOf, topicFrom } from './folds.ts';
import type { WordLists } from './lexicon.ts';
import { Scorer } from './score.ts';
import { trainingChart, trainingPage } from './training-report.ts';
import { scoreTraining, type TrainingResult } from './training-result.ts';
import type { Encoder } from './vectors.ts';

export interface TrainingRun {
  readonly result: TrainingResult;
  readonly folds: Folds;
  readonly steps: number;
}

/** What is trained on what, and how the answers are scored. */
export interface TrainingPlan extends CrossFitOptions {
  readonly folds: number;
  readonly lists: WordLists;
  /** Made when the answers are there, so that two models do not stand in memory. */
  readonly withEncoder: <T>(work: (encoder: Encoder) => Promise<T>) => Promise<T>;
  readonly drawing: Drawing;
  readonly name: string;
}

/** The folds of a dataset by topic. @throws CriaError when so many cannot be made. */
export function topicFolds(data: Dataset, lists: WordLists, count: number): Folds {
  const scorer = new Scorer(data, lists, new Map());
  return foldsOf(data.questions, (question) => topicFrom(question, scorer.keywords(question.id)), count);
}

/**
 * Cross-fitted fine-tuning on people's answers: adapters by fold, answers before, held out and in sample, their scores and
 * a page, written at `out` whole or not at all; an interrupted run is resumed behind its last finished piece.
 * @throws CriaError when options, data and model do not fit together.
 */
export async function trainCulture(
  opening: Opening,
  tokenizer: Tokenizer,
  data: Dataset,
  out: string,
  plan: TrainingPlan,
  start: RunStart & { readonly settings: Settings; readonly provenance: Provenance },
): Promise<TrainingRun> {
  refuseExisting(out, start.force);
  const folds = topicFolds(data, plan.lists, plan.folds);
  return withRunState(crossFitPlace(out, folds.length), start.settings, start, async (state) => {
    const fitted = await crossFit(opening, tokenizer, data, folds, state, plan, start);
    const { lists, drawing } = plan;
    const result = await plan.withEncoder((encoder) =>
      scoreTraining(data, folds, fitted, plan.name, { lists, encoder, drawing, signal: start.signal }),
    );
    const run = { result, folds, steps: fitted.steps };
    const all = data.questions.map(({ id }) => id);
    const rows = folds.map((test, i) => ({
      fold: i + 1,
      train: all.filter((qid) => !test.includes(qid)),
      test,
      adapter: `fold-${i + 1}`,
    }));
    const isContract = (split: string | undefined) => ['before', 'heldout', 'insample'].includes(split ?? '');
    const texts = {
      'folds.json': json(rows),
      'scores.jsonl': lines(result.scores.filter(({ split }) => isContract(split))),
      'prompting.jsonl': lines(result.scores.filter(({ split }) => !isContract(split))),
      'answers.jsonl': lines(
        fitted.answered.flatMap(({ split, answers }) => answers.map((each) => ({ split, ...each }))),
      ),
      'results.json': json({ ...result, scores: undefined }),
      'training.svg': await picture(trainingChart(result)),
      'cria.json': json(start.provenance),
    };
    await writeFolderAtomically(out, start.force, async (folder) => {
      await writeTexts(folder, texts);
      fitted.adapters.forEach((adapter, i) => {
        cpSync(adapter, join(folder, `fold-${i + 1}`), { recursive: true });
      });
      await writePage(join(folder, 'report.html'), trainingPage(data, run, fitted, plan.name));
    });
    return run;
  });
}
