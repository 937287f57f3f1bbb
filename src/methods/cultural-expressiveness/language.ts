import { functionWords } from './lexicon/function-words.ts';
import { sentencesOf, wordsOf } from './text.ts';

/**
 * The language whose function words a text holds most of: es, pt, en, gn (Guarani), qu (Quechua) or nah (Nahuatl);
 * undefined where none leads. Meant for sentences, not for words.
 */
export function languageOf(text: string): string | undefined {
  const words = wordsOf(text);
  const counts = Object.entries(functionWords)
    .map(([lang, known]) => [lang, words.filter((word) => known.has(word)).length + marksOf(text, lang)] as const)
    .sort(([, a], [, b]) => b - a);
  const [[lang, first] = ['', 0], [, second] = ['', 0]] = counts;
  return first > second ? lang : undefined;
}

/** Letters and marks that Spanish and Portuguese do not share, each worth a word. */
function marksOf(text: string, lang: string): number {
  const marks = { es: /[¿¡]|ñ/giu, pt: /[ãõç]/giu }[lang];
  return marks ? (text.normalize('NFC').match(marks)?.length ?? 0) : 0;
}

export interface Mixture {
  /** The share of sentences of a known language that are in the question's; undefined where there is none to tell. */
  readonly match: number | undefined;
  /** How often a sentence is in another language than the one before it. */
  readonly switches: number;
}

/** How a text keeps to a language, sentence by sentence. */
export function mixtureOf(text: string, lang: string | undefined): Mixture {
  const langs = sentencesOf(text)
    .map(languageOf)
    .filter((each) => each !== undefined);
  const switches = langs.slice(1).filter((each, i) => each !== langs[i]).length;
  const isKnown = lang !== undefined && langs.length > 0;
  return { match: isKnown ? langs.filter((each) => each === lang).length / langs.length : undefined, switches };
}
