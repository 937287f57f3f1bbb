import { bca, type Drawing, differences, mean, wilcoxon } from '../../statistics/index.ts';
import { cutTo } from './answers.ts';
import { baselines, type Usability, usability } from './baselines.ts';
import type { Answered, CrossFit } from './cross-fit.ts';
import type { Dataset, Response } from './dataset.ts';
import type { Folds } from './folds.ts';
import type { WordLists } from './lexicon.ts';
import { type SystemQuality, systemQuality } from './quality.ts';
import { paperWeights, type Score, Scorer } from './score.ts';
import { type SystemSummary, summaryOf } from './summary.ts';
import { wordsOf } from './text.ts';
import type { Encoder } from './vectors.ts';

/** What training has changed, on the same questions. */
export interface Gain {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Of the means, in percent, with its interval. */
  readonly percent: { readonly value: number; readonly low: number; readonly high: number };
  /** Wilcoxon, two-sided. */
  readonly p: number;
  readonly n: number;
}

export interface TrainingResult {
  readonly scores: readonly Score[];
  /** By split, and by split for answers cut to one and a half times the length of the references. */
  readonly means: Readonly<Record<string, SystemSummary>>;
  readonly lengthMatched: Readonly<Record<string, SystemSummary>>;
  /** CE after less before, and CE without SemSim. */
  readonly gains: Readonly<Record<string, { readonly ce: Gain; readonly ceWithoutSs: Gain }>>;
  /** The gates by split: answers that loop may score well. */
  readonly quality: Readonly<Record<string, SystemQuality>>;
  readonly usability: Usability;
  readonly encoder: string;
}

const longest = 1.5; // times the mean length of a question's references

/** Scores the answers of a cross-fit, at their own length and cut to that of the references. */
export async function scoreTraining(
  data: Dataset,
  folds: Folds,
  { answered }: CrossFit,
  name: string,
  { lists, encoder, drawing, signal }: { lists: WordLists; encoder: Encoder; drawing: Drawing; signal?: AbortSignal },
): Promise<TrainingResult> {
  const limits = new Map(
    data.questions.map(({ id }) => {
      const own = data.references.filter(({ qid }) => qid === id).map(({ text }) => wordsOf(text).length);
      return [id, Math.ceil(longest * mean(own))];
    }),
  );
  const whole = answered.flatMap((each) => responsesOf(each, name));
  const cut = whole.map((row) => ({ ...row, text: cutTo(row.text, limits.get(row.qid) as number) }));
  const references = data.references.map(({ text }) => text);
  const texts = new Set([...references, ...whole.map(({ text }) => text), ...cut.map(({ text }) => text)]);
  texts.delete('');
  const vectors = await encoder.encode([...texts], references, signal);
  const scorer = new Scorer(data, lists, vectors, paperWeights);
  const foldOf = new Map(folds.flatMap((fold, i) => fold.map((qid) => [qid, i + 1] as const)));
  const scored = (rows: readonly SplitResponse[]): Score[] =>
    rows.map((row) => ({ ...scorer.score(row), split: row.split, fold: foldOf.get(row.qid) as number }));
  const scores = scored(whole);
  const of = (split: string) => scores.filter((score) => score.split === split);
  const bySplit = (rows: readonly Score[]) =>
    Object.fromEntries(
      answered.map(({ split }) => [
        split,
        summaryOf(
          rows.filter((row) => row.split === split),
          drawing,
        ),
      ]),
    );
  const gain = (split: string, pick: (score: Score) => number | null) => gainOf(of('before'), of(split), pick, drawing);
  return {
    scores,
    means: bySplit(scores),
    lengthMatched: bySplit(scored(cut)),
    gains: Object.fromEntries(
      answered
        .filter(({ split }) => split !== 'before')
        .map(({ split }) => [
          split,
          { ce: gain(split, ({ ce }) => ce), ceWithoutSs: gain(split, (score) => score.ce_without_ss) },
        ]),
    ),
    quality: systemQuality({
      ...data,
      systems: answered.map(({ split }) => split),
      responses: whole.map((row) => ({ ...row, system: row.split })),
    }),
    usability: usability(baselines(data, scorer, drawing.seed), scores),
    encoder: encoder.name,
  };
}

type SplitResponse = Response & { readonly split: string };

const responsesOf = ({ split, answers }: Answered, system: string): SplitResponse[] =>
  answers.map(({ qid, text, truncated }) => ({ qid, system, text, truncated, lang: undefined, split }));

/** The change of a mean between two sets of scores of the same questions, within countries. */
function gainOf(
  before: readonly Score[],
  after: readonly Score[],
  pick: (score: Score) => number | null,
  drawing: Drawing,
): Gain {
  const earlier = new Map(before.map((score) => [score.qid, pick(score)]));
  const pairs = after.flatMap((score) => {
    const [a, b] = [earlier.get(score.qid) ?? null, pick(score)];
    return a === null || b === null ? [] : [{ a, b, country: score.country[0] ?? '' }];
  });
  const [a, b] = [pairs.map((pair) => pair.a), pairs.map((pair) => pair.b)];
  const strata = pairs.map(({ country }) => country);
  const at = (values: readonly number[], items: Uint32Array) =>
    items.reduce((sum, i) => sum + (values[i] as number), 0);
  const n = pairs.length;
  if (n === 0) return { difference: 0, low: 0, high: 0, percent: { value: 0, low: 0, high: 0 }, p: 1, n };
  const difference = bca(n, (items) => (at(b, items) - at(a, items)) / n, { ...drawing, strata });
  const percent = bca(n, (items) => 100 * (at(b, items) / at(a, items) - 1), { ...drawing, strata });
  const { value, low, high } = difference;
  return { difference: value, low, high, percent, p: wilcoxon(differences(b, a)).p, n };
}
