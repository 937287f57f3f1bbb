import { type Progress, randomFrom } from '../../base/index.ts';
import type { Rows } from '../../linalg/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { type Ablation, ablated, ablationTexts, meanHeads } from './ablation.ts';
import { attentionPrompt, attentionScores } from './attention.ts';
import { allHeads, type Head, layerMatchedHeads, randomHeads, type ScoredHead, topHeads, usualShare } from './heads.ts';
import { judgeTasks, type SettingName, settingNames, type TaskResult } from './judge.ts';
import { type Factors, lensesOf, productOf, truncated } from './ov.ts';
import { conceptPair, drawEntities, entityPrompts, type PromptParts, randomEntities, tokenPair } from './prompts.ts';
import { type HeadScores, headScores, type ScoreKind, type ScoreSums, scoreKinds } from './scores.ts';
import { openGeometry } from './settings.ts';
import { entitiesFrom, fillerFrom, fillerFromVocabulary } from './sources.ts';
import { beginningId, newlineId } from './spelling.ts';
import { readTasks, type Task } from './tasks.ts';

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

export interface LensResult {
  readonly scores: Readonly<Record<ScoreKind, Pick<HeadScores, 'heads'> & Partial<HeadScores>>>;
  /** What heads look at, where they were scored: the ends of names, and the next token. */
  readonly attention?: Readonly<Record<ScoreKind, readonly ScoredHead[]>>;
  readonly lenses: Readonly<Record<ScoreKind, Lens>>;
  readonly tasks: readonly TaskResult[];
  /** Means over tasks of the accuracies on the pairs that have not chosen the layer. */
  readonly accuracy: Readonly<Record<SettingName | 'random' | 'layerMatched' | 'inContext', number>>;
  readonly ablation: Readonly<Record<'none' | ScoreKind | 'random', Ablation>>;
}

const draws = 10;
const attentionPrompts = 256; // at most: what heads look at varies little

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

  const { attention, ...scores } = options.scores
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
    const judged = await judgeTasks(model, tokenizer, tasks, geometry, views, options, context);
    const ablation = await ablations(
      model,
      tokenizer,
      parts,
      tasks,
      { concept, token, random: randoms[0] },
      options,
      context,
    );
    return { scores, ...(attention && { attention }), lenses, tasks: judged, accuracy: meanAccuracy(judged), ablation };
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
): Promise<Record<ScoreKind, HeadScores> & { attention?: LensResult['attention'] }> {
  const random = randomFrom(seed);
  const named = await entitiesFrom(entities, tasks, tokenizer);
  const drawn = {
    concept: drawEntities(named, prompts, random, entities ?? 'the words of the tasks'),
    token: randomEntities(parts, prompts, random),
  };
  const prompted = (kind: ScoreKind) => drawn[kind].map((entity) => entityPrompts(parts, entity, random));
  const pairs = { concept: prompted('concept').map(conceptPair), token: prompted('token').map(tokenPair) };
  const ends = { concept: 'last', token: 'first' } as const;
  const lookedAt = (kind: ScoreKind) => {
    const every = Math.ceil(prompts / attentionPrompts); // entities are in order of length
    const some = drawn[kind].filter((_, i) => i % every === 0);
    const looking = some.map((entity) => attentionPrompt(parts, entity, ends[kind], random));
    return attentionScores(model, looking, { progress, signal });
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
  const scores = { concept: await scoresOf('concept'), token: await scoresOf('token') };
  return { ...scores, attention: { concept: await lookedAt('concept'), token: await lookedAt('token') } };
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
  const means = await meanHeads(model, texts, watch.signal);
  const without = (heads: readonly Head[]) => ablated(model, texts, means, heads, watch);
  return {
    none: await without([]),
    concept: await without(sets.concept),
    token: await without(sets.token),
    random: await without(sets.random ?? []),
  };
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
