import { intensifiers, negators } from './lexicon/modifiers.ts';
import { PhraseTable } from './phrases.ts';
import { wordsOf } from './text.ts';

/** A word with its valence: from -4 (very negative) to 4, on VADER's scale. */
export interface SentimentTerm {
  readonly term: string;
  readonly lang: string;
  readonly valence: number;
}

export interface Sentiment {
  /** In [-1, 1]; 0 where no word is known. */
  readonly value: number;
  /** The share of words that the list knows. */
  readonly coverage: number;
}

const negationWindow = 3; // words before; the factors and the constant are VADER's (Hutto and Gilbert 2014)
const negationFactor = -0.74;
const intensityFactor = 1.25;
const alpha = 15;

/** z / sqrt(z^2 + 15): a sum of valences in (-1, 1). */
export function squash(z: number): number {
  return z / Math.sqrt(z * z + alpha);
}

/** Sentiment by word lists. */
export class SentimentLexicon {
  readonly #table = new PhraseTable<number>();

  constructor(terms: readonly SentimentTerm[]) {
    for (const { term, lang, valence } of terms) this.#table.add({ text: term, lang }, valence);
  }

  /** The language of `langs` whose words a text holds most of; the first of equals. */
  languageFor(text: string, langs: readonly string[]): string | undefined {
    const words = wordsOf(text);
    const covered = langs.map((lang) => ({ lang, count: this.#table.find(words, [lang]).length }));
    const [best] = covered.sort((a, b) => b.count - a.count);
    return best && best.count > 0 ? best.lang : undefined;
  }

  /** The sentiment of a text by the words of its language: negated ones flip, intensified ones count more. */
  score(text: string, lang: string): Sentiment {
    const words = wordsOf(text);
    const found = this.#table.find(words, [lang]);
    const isNegated = (at: number) =>
      words
        .slice(Math.max(0, at - negationWindow), at)
        .some((word) => negators[lang]?.has(word) || (lang === 'en' && word.endsWith("n't")));
    const z = found.reduce((sum, { at, entries: [valence = 0] }) => {
      const isIntense = at > 0 && intensifiers[lang]?.has(words[at - 1] as string);
      return sum + valence * (isIntense ? intensityFactor : 1) * (isNegated(at) ? negationFactor : 1);
    }, 0);
    const covered = found.reduce((sum, { length }) => sum + length, 0);
    return { value: squash(z), coverage: words.length === 0 ? 0 : covered / words.length };
  }
}
