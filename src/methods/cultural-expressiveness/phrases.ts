import { stem, wordsOf } from './text.ts';

/** Words of one language that stand for something. */
export interface Phrase {
  readonly text: string;
  readonly lang: string;
}

/** One place of a text at which phrases were found. */
export interface Found<T> {
  readonly at: number;
  readonly length: number;
  readonly entries: readonly T[];
}

interface Entry<T> {
  readonly words: string;
  readonly entry: T;
}

/** Phrases by language and stems: finds in a text, from left to right, the longest ones. */
export class PhraseTable<T> {
  readonly #byStems = new Map<string, Map<string, Entry<T>[]>>();
  readonly #firsts = new Map<string, Set<string>>();
  #longest = 0;

  add({ text, lang }: Phrase, entry: T): void {
    const words = wordsOf(text);
    if (words.length === 0) return;
    const stems = words.map((word) => stem(word, lang));
    const table = this.#byStems.get(lang) ?? new Map<string, Entry<T>[]>();
    this.#byStems.set(lang, table);
    const key = stems.join(' ');
    table.set(key, [...(table.get(key) ?? []), { words: words.join(' '), entry }]);
    const firsts = this.#firsts.get(lang) ?? new Set();
    this.#firsts.set(lang, firsts.add(stems[0] as string));
    this.#longest = Math.max(this.#longest, words.length);
  }

  /**
   * What stands in folded words: at each place the longest phrase of any of `langs` (all without), entries with just
   * these words before those with their stems; then it goes on behind the phrase.
   */
  find(words: readonly string[], langs: Iterable<string> = this.#byStems.keys()): Found<T>[] {
    const streams = [...langs].map((lang) => ({
      table: this.#byStems.get(lang),
      firsts: this.#firsts.get(lang),
      stems: words.map((word) => stem(word, lang)),
    }));
    const found: Found<T>[] = [];
    for (let at = 0; at < words.length; ) {
      const starting = streams.filter(({ firsts, stems }) => firsts?.has(stems[at] as string));
      let length = starting.length === 0 ? 0 : Math.min(this.#longest, words.length - at);
      for (; length > 0; length--) {
        const spelt = words.slice(at, at + length).join(' ');
        const entries = starting
          .flatMap(({ table, stems }) => table?.get(stems.slice(at, at + length).join(' ')) ?? [])
          .sort((a, b) => Number(b.words === spelt) - Number(a.words === spelt));
        if (entries.length === 0) continue;
        found.push({ at, length, entries: entries.map(({ entry }) => entry) });
        break;
      }
      at += Math.max(1, length);
    }
    return found;
  }
}
