import type { Progress } from '../../base/index.ts';
import { CriaError } from '../../base/index.ts';
import type { Drawing } from '../../statistics/index.ts';
import { type Baseline, baselines, ownTexts, type Usability, usability } from './baselines.ts';
import type { Dataset } from './dataset.ts';
import { type Hypothesis, hypotheses } from './hypotheses.ts';
import type { WordLists } from './lexicon.ts';
import { type SystemQuality, systemQuality } from './quality.ts';
import { type Score, Scorer, type Weights } from './score.ts';
import { type Stability, type SystemSummary, stability, summaries } from './summary.ts';
import type { Encoder, Vector } from './vectors.ts';

/** How answers are scored. */
export interface ScoreOptions {
  readonly lists: WordLists;
  readonly encoder: Encoder;
  readonly weights: Weights;
  readonly drawing: Drawing;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** What scores say of systems: everything that can be computed again from scores.jsonl. */
export interface Findings {
  readonly systems: Readonly<Record<string, SystemSummary>>;
  readonly tests: readonly Hypothesis[];
  readonly stability: Stability;
}

/** A run of the metric on a dataset. */
export interface CultureResult extends Findings {
  readonly scores: readonly Score[];
  readonly quality: Readonly<Record<string, SystemQuality>>;
  readonly baselines: readonly Baseline[];
  readonly encoder: string;
  readonly usability: Usability;
  readonly weights: Weights;
  /** Questions without a keyword in their references: they have no kf and no ce. */
  readonly withoutKeywords: readonly string[];
}

/**
 * Cultural expressiveness of the answers in a dataset (Mora-Reyes et al. 2025): keywords, feeling and similarity held
 * against what people answer, with baselines, tests and intervals.
 * @throws CriaError when the vectors of a file lack a text.
 */
export async function scoreCulture(data: Dataset, options: ScoreOptions): Promise<CultureResult> {
  const { lists, weights, drawing, progress } = options;
  const vectors = await vectorsOf(data, options);
  const scorer = new Scorer(data, lists, vectors, weights);
  const scores = data.responses.map((response, i) => {
    if (i % 50 === 0) progress.step('scoring', i, data.responses.length, 'answers');
    return scorer.score(response);
  });
  const known = baselines(data, scorer, drawing.seed);
  progress.step('scoring', scores.length, scores.length, 'answers');
  return {
    ...findings(scores, weights, drawing),
    scores,
    quality: systemQuality(data),
    baselines: known,
    encoder: options.encoder.name,
    usability: usability(known, scores),
    weights,
    withoutKeywords: data.questions.filter(({ id }) => scorer.keywords(id).size === 0).map(({ id }) => id),
  };
}

/** What follows from scores alone. */
export function findings(scores: readonly Score[], weights: Weights, drawing: Drawing): Findings {
  return {
    systems: summaries(scores, drawing),
    tests: hypotheses(scores, drawing),
    stability: stability(scores, weights),
  };
}

/** Vectors of every reference and answer. @throws CriaError when one has none: only the baselines' own may lack. */
async function vectorsOf(
  data: Dataset,
  { encoder, lists, signal }: ScoreOptions,
): Promise<ReadonlyMap<string, Vector>> {
  const references = [...new Set(data.references.map(({ text }) => text))];
  const needed = new Set([...references, ...data.responses.map(({ text }) => text).filter((text) => text !== '')]);
  const own = ownTexts(data, new Scorer(data, lists, new Map()));
  const vectors = await encoder.encode([...new Set([...needed, ...own])], references, signal);
  const missing = [...needed].find((text) => !vectors.has(text));
  if (missing !== undefined) {
    const what = `has no vector of the text “${missing.slice(0, 60)}”`;
    throw new CriaError(what, { where: encoder.name, remedy: 'embed every reference and every answer, whole' });
  }
  const lengths = new Set([...vectors.values()].map(({ length }) => length));
  if (lengths.size > 1) throw new CriaError('gives vectors of several lengths', { where: encoder.name });
  return vectors;
}

/** Weights from `.3,.3,.4`. @throws CriaError when they are not three numbers that sum to 1. */
export function weightsFrom(text: string): Weights {
  const numbers = text.split(',').map((each) => (each.trim() === '' ? Number.NaN : Number(each)));
  const [a = 0, b = 0, c = 0] = numbers;
  const isSound = numbers.length === 3 && numbers.every((value) => value >= 0 && value <= 1);
  if (isSound && Math.abs(a + b + c - 1) < 1e-9) return [a, b, c];
  const what = `'${text}' is not three weights that sum to 1`;
  throw new CriaError(what, { where: '--weights', remedy: 'use three, as in .3,.3,.4' });
}
