import { stemmer as english } from '@orama/stemmers/english';
import { stemmer as portuguese } from '@orama/stemmers/portuguese';
import { stemmer as spanish } from '@orama/stemmers/spanish';

const stemmers: Readonly<Record<string, (word: string) => string>> = {
  es: spanish,
  pt: portuguese,
  en: english,
};

const mostStems = 200_000; // that are remembered
const marks = /\p{M}+/gu;
const word = /[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*/gu;

/** Lower case without accents; n with tilde and c with cedilla stay letters of their own ("ano" is not "año"). */
export function fold(text: string): string {
  const folded = text
    .toLowerCase()
    .normalize('NFD')
    .replace(marks, (found, at: number, all: string) => {
      const kept = all[at - 1] === 'n' ? '\u0303' : all[at - 1] === 'c' ? '\u0327' : '';
      return kept !== '' && found.includes(kept) ? kept : '';
    });
  return folded.normalize('NFC');
}

/** The folded words of a text: letters, with apostrophes inside (Quechua ch'aki, Guarani mba'e); no possessive 's. */
export function wordsOf(text: string): string[] {
  const words = fold(text.replace(/[\u2018\u2019\u02bc\ua78b\ua78c`´]/g, "'")).match(word) ?? [];
  return words.map((each) => each.replace(/'s$/, ''));
}

const stems = new Map<string, string>();

/** The stem of a folded word by Snowball's algorithm for Spanish, Portuguese or English; in other languages the word. */
export function stem(folded: string, lang: string): string {
  const stemmer = stemmers[lang];
  if (!stemmer) return folded;
  const key = `${lang} ${folded}`;
  const known = stems.get(key) ?? stemmer(folded);
  if (stems.size < mostStems) stems.set(key, known);
  return known;
}

/** Sentences that hold a word, as punctuation and line ends part them. */
export function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?…])\s+|\n+/u).filter((sentence) => /\p{L}/u.test(sentence));
}

/** Questions that differ in case, accents and punctuation alone are one. */
export function questionKey(text: string): string {
  return wordsOf(text).join(' ') || text.trim();
}
