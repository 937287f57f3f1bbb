import { mean } from '../../statistics/index.ts';
import type { Dataset, Question, Reference, Response } from './dataset.ts';
import { type Diversity, diversity, entropy } from './diversity.ts';
import { languageOf, mixtureOf } from './language.ts';
import { type Hits, keywordRecall, type Term, type WordLists } from './lexicon.ts';
import { type Flag, flagsOf, questionLanguages } from './quality.ts';
import { wordsOf } from './text.ts';
import { cosine, type Vector } from './vectors.ts';

/** The weights of keyword frequency, sentiment alignment and semantic similarity in CE: they sum to 1. */
export type Weights = readonly [keywords: number, sentiment: number, similarity: number];

/** Equation 1 of Mora-Reyes et al. 2025. */
export const paperWeights: Weights = [0.3, 0.3, 0.4];

/** One answer, scored. What does not exist is null: a field of `scores.jsonl`. */
export interface Score {
  readonly qid: string;
  readonly system: string;
  /** Share of the question's keywords that the answer has; null where references hold none. */
  readonly kf: number | null;
  readonly s_sys: number;
  readonly s_ref: number;
  /** s_sys - s_ref: positive where the answer is rosier than people are. */
  readonly b: number;
  /** min(1, |b|). */
  readonly ds: number;
  /** Mean cosine to the references, not below 0. */
  readonly ss: number | null;
  /** CE = w1 kf + w2 (1 - ds) + w3 ss. */
  readonly ce: number | null;
  /** The same without ss, its weights scaled to sum to 1. */
  readonly ce_without_ss: number | null;
  /** With language match: .27 kf + .27 (1 - ds) + .36 ss + .10 lm. */
  readonly ce_ext: number | null;
  readonly ss_max: number | null;
  readonly ss_sets: Readonly<Record<string, number>>;
  /** Keywords of any question in 100 words. */
  readonly density: number;
  readonly words: number;
  readonly lv: Readonly<Record<keyof Diversity, number | null>> & {
    readonly language_match: number | null;
    readonly code_switches: number;
    readonly indigenous_terms: number;
    readonly regional_entropy: number;
  };
  readonly lang: string | null;
  readonly country: readonly string[];
  readonly flags: readonly Flag[];
  readonly source_url?: string;
  readonly license?: string;
  readonly split?: string;
  readonly fold?: number;
}

const leastCoverage = 0.05; // spec 3.3: share of words that the sentiment list has to know
const extended: Weights = [0.27, 0.27, 0.36]; // spec 3.5, with 0.10 of language match

/** CE of the three parts; null where a part that has weight is missing. */
export function expressiveness(
  kf: number | null,
  ds: number,
  ss: number | null,
  [keywords, sentiment, similarity]: Weights = paperWeights,
): number | null {
  if ((keywords > 0 && kf === null) || (similarity > 0 && ss === null)) return null;
  return keywords * (kf ?? 0) + sentiment * (1 - ds) + similarity * (ss ?? 0);
}

/** What a question's references say: against this an answer is held. */
interface Standard {
  readonly question: Question;
  readonly lang: string | undefined;
  readonly references: readonly Reference[];
}

/** Scores answers against references, with word lists and vectors of the texts. */
export class Scorer {
  readonly #lists: WordLists;
  readonly #vectors: ReadonlyMap<string, Vector>;
  readonly #weights: Weights;
  readonly #standards: ReadonlyMap<string, Standard>;
  readonly #hits = new Map<string, Hits>();

  constructor(
    data: Pick<Dataset, 'questions' | 'references'>,
    lists: WordLists,
    vectors: ReadonlyMap<string, Vector>,
    weights: Weights = paperWeights,
  ) {
    this.#lists = lists;
    this.#vectors = vectors;
    this.#weights = weights;
    const langs = questionLanguages(data);
    this.#standards = new Map(
      data.questions.map((question) => [
        question.id,
        {
          question,
          lang: langs.get(question.id),
          references: data.references.filter(({ qid }) => qid === question.id),
        },
      ]),
    );
  }

  /** The keywords of a question: those in its references, and those that were marked on it. */
  keywords(qid: string, references = this.#standard(qid).references): ReadonlySet<Term> {
    const { question } = this.#standard(qid);
    const texts = [...references.map(({ text }) => text), ...question.terms];
    return new Set(texts.flatMap((text) => [...this.#find(text).keys()]));
  }

  /** The score of an answer against the references of its question, or some others: for baselines. */
  score(response: Response, references = this.#standard(response.qid).references): Score {
    const { question, lang } = this.#standard(response.qid);
    const { qid, system, text } = response;
    const hits = this.#find(text);
    const kf = keywordRecall(this.keywords(qid, references), hits) ?? null;
    const own = this.#sentiment(text, response.lang, lang);
    const s_ref = mean(references.map((reference) => this.#sentiment(reference.text, reference.lang, lang).value));
    const b = own.value - s_ref;
    const ds = Math.min(1, Math.abs(b));
    const similar = this.#similarities(text, references);
    const ss = similar && mean(similar);
    const words = wordsOf(text);
    const { match, switches } = mixtureOf(text, lang);
    const ext = expressiveness(kf, ds, ss, extended);
    const [keywords, sentiment] = this.#weights;
    const left = keywords + sentiment;
    return {
      ...{ qid, system, kf, s_sys: own.value, s_ref, b, ds, ss },
      ce: kf === null ? null : expressiveness(kf, ds, ss, this.#weights),
      ce_without_ss: left === 0 || kf === null ? null : (keywords * kf + sentiment * (1 - ds)) / left,
      ce_ext: ext === null || match === undefined ? null : ext + 0.1 * match,
      ss_max: similar && Math.max(...similar),
      ss_sets: similar ? bySet(similar, references) : {},
      density: words.length === 0 ? 0 : (100 * total(hits)) / words.length,
      words: words.length,
      lv: {
        ...(Object.fromEntries(
          Object.entries(diversity(words)).map(([name, value]) => [name, value ?? null]),
        ) as Record<keyof Diversity, number | null>),
        language_match: match ?? null,
        code_switches: switches,
        indigenous_terms: total(hits, ({ category }) => category === 'indigenous'),
        regional_entropy: entropy(countryShares(hits)),
      },
      lang: lang ?? null,
      country: question.country,
      flags: [
        ...flagsOf(response, lang),
        ...(text !== '' && own.coverage < leastCoverage ? ['low-coverage' as const] : []),
      ],
      ...(question.sourceUrl !== undefined && { source_url: question.sourceUrl }),
      ...(question.license !== undefined && { license: question.license }),
    };
  }

  #standard(qid: string): Standard {
    return this.#standards.get(qid) as Standard;
  }

  #find(text: string): Hits {
    const hits = this.#hits.get(text) ?? this.#lists.lexicon.find(text);
    this.#hits.set(text, hits);
    return hits;
  }

  /** In the text's own language: as told, as its function words tell, as its words of feeling do, as it was asked. */
  #sentiment(text: string, told: string | undefined, asked: string | undefined) {
    const { sentiment } = this.#lists;
    const lang = told ?? languageOf(text) ?? sentiment.languageFor(text, [asked ?? 'es', 'es', 'pt', 'en']) ?? asked;
    return sentiment.score(text, lang ?? 'es');
  }

  /** Cosines to each reference, not below 0; null where a text has no vector. */
  #similarities(text: string, references: readonly Reference[]): number[] | null {
    if (text === '') return references.map(() => 0);
    const vector = this.#vectors.get(text);
    const others = references.map((reference) => this.#vectors.get(reference.text));
    if (!vector || others.some((other) => !other)) return null;
    return others.map((other) => Math.max(0, cosine(vector, other as Vector)));
  }
}

function bySet(similar: readonly number[], references: readonly Reference[]): Record<string, number> {
  const sets = [...new Set(references.map(({ set }) => set))];
  return Object.fromEntries(
    sets.map((set) => [set, mean(similar.filter((_, i) => (references[i] as Reference).set === set))]),
  );
}

function total(hits: Hits, wanted: (term: Term) => boolean = () => true): number {
  return [...hits].reduce((sum, [term, count]) => (wanted(term) ? sum + count : sum), 0);
}

/** How often terms of each country stand in a text; a term of several is shared among them. */
function countryShares(hits: Hits): number[] {
  const shares = new Map<string, number>();
  for (const [{ country }, count] of hits) {
    for (const each of country) shares.set(each, (shares.get(each) ?? 0) + count / country.length);
  }
  return [...shares.values()];
}
