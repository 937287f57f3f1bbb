import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CriaError } from '../../base/index.ts';
import { readRows } from '../../data/index.ts';
import { numberOf, optionalText, textOf, textsOf } from './fields.ts';
import { PhraseTable } from './phrases.ts';
import { SentimentLexicon, type SentimentTerm } from './sentiment.ts';
import { wordsOf } from './text.ts';

/** A keyword of a culture: any of its variants is the term. */
export interface Term {
  readonly term: string;
  /** `mul`: spelt alike in every language, and never stemmed. */
  readonly lang: string;
  readonly variants: readonly string[];
  /** ISO 3166-1 alpha-2. */
  readonly country: readonly string[];
  readonly category: string;
  readonly weight: number;
}

/** The terms that stand in a text, and how often. */
export type Hits = ReadonlyMap<Term, number>;

/** Keywords, found by their stems in texts of any language. */
export class Lexicon {
  readonly terms: readonly Term[];
  readonly #table = new PhraseTable<Term>();

  constructor(terms: readonly Term[]) {
    this.terms = terms;
    for (const term of terms) {
      for (const text of [term.term, ...term.variants]) this.#table.add({ text, lang: term.lang }, term);
    }
  }

  find(text: string): Hits {
    const hits = new Map<Term, number>();
    for (const { entries } of this.#table.find(wordsOf(text))) {
      for (const term of new Set(entries)) hits.set(term, (hits.get(term) ?? 0) + 1);
    }
    return hits;
  }
}

/**
 * KeyFreq by recall: the weight of the wanted terms that a text has, of the weight of all of them. Undefined where none
 * is wanted. (spec of the method, 3.2; reconstructed)
 */
export function keywordRecall(wanted: Iterable<Term>, found: Hits): number | undefined {
  let [had, all] = [0, 0];
  for (const term of wanted) {
    all += term.weight;
    if (found.has(term)) had += term.weight;
  }
  return all === 0 ? undefined : had / all;
}

export interface WordLists {
  readonly lexicon: Lexicon;
  readonly sentiment: SentimentLexicon;
  /** The files that were read, by the name that results record: of those that ship with cria no path. */
  readonly files: Readonly<Record<string, string>>;
}

const shipped = fileURLToPath(new URL('../../../data/culture', import.meta.url));

/**
 * The word lists of a folder, `lexicon.jsonl` and `sentiment.jsonl`; without one those that ship with cria.
 * @throws CriaError when a file is missing, empty or not sound.
 */
export async function readWordLists(folder = shipped): Promise<WordLists> {
  const [keywords, valences] = [join(folder, 'lexicon.jsonl'), join(folder, 'sentiment.jsonl')];
  const terms: Term[] = [];
  for await (const row of readRows(keywords)) {
    terms.push({
      term: textOf(row, 'term'),
      lang: optionalText(row, 'lang') ?? 'mul',
      variants: textsOf(row, 'variants'),
      country: textsOf(row, 'country'),
      category: optionalText(row, 'category') ?? 'other',
      weight: numberOf(row, 'weight', [0, 1e6], 1),
    });
  }
  const words: SentimentTerm[] = [];
  for await (const row of readRows(valences)) {
    words.push({
      term: textOf(row, 'term'),
      lang: textOf(row, 'lang'),
      valence: numberOf(row, 'valence', [-100, 100]),
    });
  }
  for (const [path, { length }] of [[keywords, terms] as const, [valences, words] as const]) {
    if (length === 0) throw new CriaError('has no terms', { where: path, remedy: 'write them one a line' });
  }
  const nameOf = (path: string) => (folder === shipped ? `cria/${basename(path)}` : path);
  const files = { [nameOf(keywords)]: keywords, [nameOf(valences)]: valences };
  return { lexicon: new Lexicon(terms), sentiment: new SentimentLexicon(words), files };
}
