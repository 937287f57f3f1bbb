import { type Progress, type RunPlace, type RunState, randomFrom } from '../../base/index.ts';
import type { Rows } from '../../linalg/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { ablated, ablationTexts, meanHeads } from './ablation.ts';
import { halves } from './analogies.ts';
import { attentionPrompt, attentionScores } from './attention.ts';
import { openGeometry, type View } from './geometry.ts';
import {
  allHeads,
  beyondChance,
  type Head,
  layerMatchedHeads,
  randomHeads,
  refuseTooMany,
  type ScoredHead,
  topHeads,
  usualTop,
} from './heads.ts';
import { judgeTasks } from './judge.ts';
import type { LensOptions } from './options.ts';
import { lensesOf, ofRank, refuseAdapters } from './ov.ts';
import { conceptPair, drawEntities, entityPrompts, type PromptParts, randomEntities, tokenPair } from './prompts.ts';
import { type Lens, type LensResult, meanAccuracy } from './result.ts';
import { type HeadScores, headScores, type ScoreKind, type ScoreSums, scoreKinds } from './scores.ts';
import { entitiesFrom, fillerFrom, fillerFromVocabulary } from './sources.ts';
import { beginningId, newlineId } from './spelling.ts';
import { rankViews, type Sized } from './sweeps.ts';
import { readTasks, type Task, wordsOf } from './tasks.ts';
import { wordTexts } from './words.ts';

/** What a run is given besides its options. */
export interface LensContext {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** Keeps the sums of scored prompts. */
  readonly state?: RunState;
}

const sumsFile = (kind: ScoreKind): string => `${kind}.json`;

/** Where the state of a run lies. */
export const lensPlace = (out: string): RunPlace => ({ out, ending: 'lens', names: scoreKinds.map(sumsFile) });

const draws = 10;
const attentionPrompts = 256; // at most: what heads look at varies little

/**
 * Concept and token heads of a model, their lenses, and what vector arithmetic through them is worth.
 * (Feucht, Wallace and Bau 2025, Vector Arithmetic in Concept and Token Subspaces)
 * @throws CriaError when a file does not serve, or the model has no induction, adapters, or fewer heads than asked for.
 */
export async function vectorArithmetic(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: LensOptions,
  context: LensContext,
): Promise<LensResult> {
  const { config } = model;
  const heads = allHeads(config);
  const k = options.top ?? usualTop(heads.length);
  refuseAdapters(model);
  refuseTooMany(k, heads.length, '--top');
  for (const size of options.tops) refuseTooMany(size, heads.length, '--tops');
  const tasks = (await Promise.all(options.tasks.map(readTasks))).flat();
  for (const task of tasks) {
    halves(task, options.seed); // what is wrong with a task is said before heads are scored
    const words = [...wordsOf(task.lines), ...(options.candidates ?? [])];
    wordTexts({ tokenizer, path: model.path, config }, words, task.prefix);
  }
  const parts = await promptParts(model, tokenizer, options);

  const { attention, ...scores } = options.scores
    ? { concept: { heads: options.scores.concept }, token: { heads: options.scores.token } }
    : await scored(model, tokenizer, tasks, parts, options, context);
  const [concept, token] = scoreKinds.map((kind) => topHeads(scores[kind].heads, k)) as [ScoredHead[], ScoredHead[]];

  const random = randomFrom(options.seed + 1);
  const randoms = Array.from({ length: draws }, () => randomHeads(heads, k, random));
  const matched = Array.from({ length: draws }, () => layerMatchedHeads(heads, concept, random));
  const tops = [...new Set(options.tops)].sort((a, b) => a - b);
  const sized = tops.flatMap((size) => scoreKinds.map((kind) => topHeads(scores[kind].heads, size)));
  const sets: (readonly Head[])[] = [concept, token, heads, ...randoms, ...matched, ...sized];
  const sums = await lensesOf(model, sets, { foldNorm: options.foldNorm, signal: context.signal });
  const [ofConcept, ofToken, ofAll, ...others] = sums as [Rows, Rows, Rows, ...Rows[]];
  const lens = async (chosen: readonly ScoredHead[], sum: Rows): Promise<Lens> => {
    return { heads: chosen, ...(await ofRank(sum, options.rank, model)) };
  };
  const lenses = { concept: await lens(concept, ofConcept), token: await lens(token, ofToken) };

  const geometry = await openGeometry(model, options.foldNorm);
  try {
    const through = others.map(geometry.through);
    const views = {
      concept: geometry.through(lenses.concept.matrix),
      token: geometry.through(lenses.token.matrix),
      all: geometry.through(ofAll),
      random: through.slice(0, draws),
      layerMatched: through.slice(draws, 2 * draws),
      sizes: {
        ranks: await rankViews(model, { concept: ofConcept, token: ofToken }, options.ranks, geometry.through),
        tops: tops.map((size, i): Sized<View> => {
          const [concept, token] = through.slice(2 * (draws + i)) as [View, View];
          return { size, concept, token };
        }),
      },
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
    return {
      scores,
      beyondChance: { concept: beyondChance(concept, heads.length), token: beyondChance(token, heads.length) },
      ...(attention && { attention }),
      lenses,
      foldNorm: options.foldNorm,
      top: k,
      ...(options.rank !== undefined && { rank: options.rank }),
      tasks: judged,
      accuracy: meanAccuracy(judged),
      ablation,
    };
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
  { progress, signal, state }: LensContext,
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
  const scoresOf = (kind: ScoreKind) =>
    headScores(model, kind, pairs[kind], {
      begun: state?.read<ScoreSums>(sumsFile(kind)),
      progress,
      signal,
      forget: () => {
        for (const each of scoreKinds) state?.remove(sumsFile(each));
      },
      save: async (sums) => state?.write(sumsFile(kind), sums),
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
