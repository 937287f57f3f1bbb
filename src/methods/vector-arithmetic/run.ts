import { type Progress, randomFrom } from '../../base/index.ts';
import { tokenAccuracy } from '../../evaluate/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { type LoadedModel, openForward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { type Ablation, ablated, ablationTexts, exampleQuestions } from './ablation.ts';
import { halves, indexed } from './analogies.ts';
import { allHeads, type Head, layerMatchedHeads, randomHeads, type ScoredHead, topHeads, usualShare } from './heads.ts';
import { type Factors, lensesOf, productOf, truncated } from './ov.ts';
import { conceptPair, drawEntities, entityPrompts, type PromptParts, randomEntities, tokenPair } from './prompts.ts';
import { type HeadScores, headScores, type ScoreKind, type ScoreSums, scoreKinds } from './scores.ts';
import { type Geometry, openGeometry, type SettingResult, type View } from './settings.ts';
import { entitiesFrom, fillerFrom, fillerFromVocabulary } from './sources.ts';
import { beginningId, newlineId } from './spelling.ts';
import { readTasks, type Task, wordsOf } from './tasks.ts';
import { wordPaths, wordVectors } from './words.ts';

export interface LensOptions {
  /** Files of analogies or of pairs. */
  readonly tasks: readonly string[];
  /** Files: names one a line (by default the tasks' words), text (by default the vocabulary's words), more candidates. */
  readonly entities?: string;
  readonly filler?: string;
  readonly candidates?: readonly string[];
  /** Scores that were found before. */
  readonly scores?: Readonly<Record<ScoreKind, readonly ScoredHead[]>>;
  /** Prompts for each of the two scores. */
  readonly prompts: number;
  /** Tokens of filler and entity on either side of a prompt's new line. */
  readonly length: number;
  /** Heads in a lens; by default 80 in 1024. */
  readonly top?: number;
  /** The rank of the lenses; by default they are the sums as they are. */
  readonly rank?: number;
  readonly seed: number;
}

/** What a run is given besides its options. */
export interface LensContext {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** What an interrupted run has scored. */
  readonly begun?: Partial<Record<ScoreKind, ScoreSums>>;
  readonly save?: (sums: Partial<Record<ScoreKind, ScoreSums>>) => Promise<void>;
}

/** A lens of some heads: dense, and its factors where its rank was bounded. */
export interface Lens {
  readonly heads: readonly ScoredHead[];
  readonly matrix: Rows;
  readonly factors?: Factors;
}

/** The views that are compared: word vectors as they are, through lenses, and through nothing that was learned. */
export const settingNames = ['raw', 'concept', 'token', 'all', 'centred', 'principal'] as const;
export type SettingName = (typeof settingNames)[number];

/** Draws of heads that no score has chosen. */
export interface Draws {
  /** Mean and standard deviation of the judged accuracies. */
  readonly mean: number;
  readonly deviation: number;
  readonly accuracies: readonly number[];
}

export interface TaskResult {
  readonly name: string;
  readonly prefix: string;
  readonly lines: number;
  readonly candidates: readonly string[];
  /** The accuracy of guessing. */
  readonly chance: number;
  readonly settings: Readonly<Record<SettingName, SettingResult>>;
  /** As many heads as the concept lens has: of any layer, and of its layers. */
  readonly random: Draws;
  readonly layerMatched: Draws;
  /** The share of the pairs that the model completes after five examples. */
  readonly inContext: number;
}

export interface LensResult {
  readonly scores: Readonly<Record<ScoreKind, Pick<HeadScores, 'heads'> & Partial<HeadScores>>>;
  readonly lenses: Readonly<Record<ScoreKind, Lens>>;
  readonly tasks: readonly TaskResult[];
  /** Means over tasks of the accuracies on the pairs that have not chosen the layer. */
  readonly accuracy: Readonly<Record<SettingName | 'random' | 'layerMatched' | 'inContext', number>>;
  readonly ablation: Readonly<Record<'none' | ScoreKind | 'random', Ablation>>;
}

const draws = 10;

/**
 * Concept and token heads of a model, their lenses, and what vector arithmetic through them is worth.
 * (Feucht, Wallace and Bau 2025, Vector Arithmetic in Concept and Token Subspaces)
 * @throws CriaError when a file does not serve, the model has no induction, or has fewer heads than asked for.
 */
export async function vectorArithmetic(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: LensOptions,
  context: LensContext,
): Promise<LensResult> {
  const { config } = model;
  const heads = allHeads(config);
  const k = options.top ?? Math.max(1, Math.round(usualShare * heads.length));
  topHeads(
    heads.map((head) => ({ ...head, score: 0 })),
    k,
  ); // refuses before the long work
  const tasks = (await Promise.all(options.tasks.map(readTasks))).flat();
  const parts = await promptParts(model, tokenizer, options);

  const scores = options.scores
    ? { concept: { heads: options.scores.concept }, token: { heads: options.scores.token } }
    : await scored(model, tokenizer, tasks, parts, options, context);
  const [concept, token] = scoreKinds.map((kind) => topHeads(scores[kind].heads, k)) as [ScoredHead[], ScoredHead[]];

  const random = randomFrom(options.seed + 1);
  const randoms = Array.from({ length: draws }, () => randomHeads(heads, k, random));
  const matched = Array.from({ length: draws }, () => layerMatchedHeads(heads, concept, random));
  const sets: (readonly Head[])[] = [concept, token, heads, ...randoms, ...matched];
  const sums = await lensesOf(model, sets, context.signal);
  const lens = async (chosen: readonly ScoredHead[], sum: Rows): Promise<Lens> => {
    if (options.rank === undefined) return { heads: chosen, matrix: sum };
    const factors = await truncated(sum, Math.min(options.rank, config.width), model);
    return { heads: chosen, matrix: await productOf(factors, model), factors };
  };
  const lenses = { concept: await lens(concept, sums[0] as Rows), token: await lens(token, sums[1] as Rows) };

  const geometry = await openGeometry(model);
  try {
    const views = {
      concept: geometry.through(lenses.concept.matrix),
      token: geometry.through(lenses.token.matrix),
      all: geometry.through(sums[2] as Rows),
      random: sums.slice(3, 3 + draws).map(geometry.through),
      layerMatched: sums.slice(3 + draws).map(geometry.through),
    };
    const judged = await judgeTasks(model, tokenizer, tasks, views, geometry, options, context);
    const ablation = await ablations(
      model,
      tokenizer,
      parts,
      tasks,
      { concept, token, random: randoms[0] },
      options,
      context,
    );
    return { scores, lenses, tasks: judged, accuracy: meanAccuracy(judged), ablation };
  } finally {
    await geometry.dispose();
  }
}

async function promptParts(
  model: LoadedModel,
  tokenizer: Tokenizer,
  { filler, length, seed }: LensOptions,
): Promise<PromptParts> {
  return {
    beginning: beginningId(tokenizer, model.path),
    newline: newlineId(tokenizer, model.path),
    filler:
      filler === undefined ? fillerFromVocabulary(tokenizer, randomFrom(seed)) : await fillerFrom(filler, tokenizer),
    length,
  };
}

async function scored(
  model: LoadedModel,
  tokenizer: Tokenizer,
  tasks: readonly Task[],
  parts: PromptParts,
  { entities, prompts, seed }: LensOptions,
  { progress, signal, begun = {}, save }: LensContext,
): Promise<Record<ScoreKind, HeadScores>> {
  const random = randomFrom(seed);
  const named = await entitiesFrom(entities, tasks, tokenizer);
  const prompted = (some: readonly (readonly number[])[]) => some.map((entity) => entityPrompts(parts, entity, random));
  const pairs = {
    concept: prompted(drawEntities(named, prompts, random, entities ?? 'the words of the tasks')).map(conceptPair),
    token: prompted(randomEntities(parts, prompts, random)).map(tokenPair),
  };
  const sums: Partial<Record<ScoreKind, ScoreSums>> = { ...begun };
  const scoresOf = (kind: ScoreKind) =>
    headScores(model, kind, pairs[kind], {
      begun: sums[kind],
      progress,
      signal,
      save: async (some) => {
        sums[kind] = some;
        await save?.(sums);
      },
    });
  return { concept: await scoresOf('concept'), token: await scoresOf('token') };
}

interface Views extends Record<'concept' | 'token' | 'all', View> {
  readonly random: readonly View[];
  readonly layerMatched: readonly View[];
}

async function judgeTasks(
  model: LoadedModel,
  tokenizer: Tokenizer,
  tasks: readonly Task[],
  views: Views,
  geometry: Geometry,
  { candidates = [], rank, seed }: LensOptions,
  { progress, signal }: LensContext,
): Promise<TaskResult[]> {
  const { config, path } = model;
  const forward = await openForward(model, { read: wordPaths(config), precision: 'f32' });
  const plain = await openForward(model);
  const results: TaskResult[] = [];
  try {
    for (const [i, task] of tasks.entries()) {
      const words = [...new Set([...wordsOf(task.lines), ...candidates])];
      const reader = { forward, config, tokenizer, path, progress, signal };
      const vectors = await wordVectors(reader, words, task.prefix);
      const split = halves(task, seed);
      const lines = {
        whole: indexed(task.lines, words),
        choose: indexed(split.choose, words),
        judge: indexed(split.judge, words),
      };
      const judge = (view: View) => geometry.judge(vectors, lines, view);
      const drawn = async (some: readonly View[]) => {
        const accuracies: number[] = [];
        for (const view of some) accuracies.push((await judge(view)).best.judge.accuracy);
        return drawsOf(accuracies);
      };
      const questions = exampleQuestions(task, seed);
      const directions = Math.max(1, Math.min(rank ?? Math.floor(words.length / 2), words.length - 1, config.width));
      results.push({
        name: task.name,
        prefix: task.prefix,
        lines: task.lines.length,
        candidates: words,
        chance: 1 / words.length,
        settings: {
          raw: await judge(geometry.raw),
          concept: await judge(views.concept),
          token: await judge(views.token),
          all: await judge(views.all),
          centred: await judge(geometry.centred),
          principal: await judge(geometry.principal(directions)),
        },
        random: await drawn(views.random),
        layerMatched: await drawn(views.layerMatched),
        inContext: (await tokenAccuracy({ forward: plain, tokenizer, context: config.context }, questions, { signal }))
          .accuracy,
      });
      progress.step('tasks', i + 1, tasks.length, 'tasks');
    }
    return results;
  } finally {
    await forward.dispose();
    await plain.dispose();
  }
}

async function ablations(
  model: LoadedModel,
  tokenizer: Tokenizer,
  parts: PromptParts,
  tasks: readonly Task[],
  sets: { concept: readonly Head[]; token: readonly Head[]; random: readonly Head[] | undefined },
  { seed }: LensOptions,
  watch: LensContext,
): Promise<LensResult['ablation']> {
  const texts = ablationTexts(tokenizer, parts, tasks, seed, randomFrom(seed));
  return {
    none: await ablated(model, texts, [], watch),
    concept: await ablated(model, texts, sets.concept, watch),
    token: await ablated(model, texts, sets.token, watch),
    random: await ablated(model, texts, sets.random ?? [], watch),
  };
}

function drawsOf(accuracies: readonly number[]): Draws {
  const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length;
  const squares = accuracies.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (accuracies.length - 1)), accuracies };
}

function meanAccuracy(tasks: readonly TaskResult[]): LensResult['accuracy'] {
  const mean = (of: (task: TaskResult) => number) => tasks.reduce((sum, task) => sum + of(task), 0) / tasks.length;
  const settings = settingNames.map((name) => [name, mean((task) => task.settings[name].best.judge.accuracy)]);
  return {
    ...(Object.fromEntries(settings) as Record<SettingName, number>),
    random: mean((task) => task.random.mean),
    layerMatched: mean((task) => task.layerMatched.mean),
    inContext: mean((task) => task.inContext),
  };
}
