import type { Random } from '../base/index.ts';
import { between, drawUntil, pick } from './draw.ts';

/** The sounds of a language: a word is one or more syllables, each an onset, a vowel and a coda, and an ending. */
export interface Sounds {
  readonly onsets: readonly string[];
  readonly vowels: readonly string[];
  /** Ends of syllables inside a word and at its end; '' where a syllable stays open. */
  readonly codas: readonly string[];
  /** How many syllables a word has, from and to. */
  readonly syllables: readonly [number, number];
  readonly endings: readonly string[];
}

function invent(random: Random, { onsets, vowels, codas, syllables, endings }: Sounds): string {
  const syllable = () => pick(random, onsets) + pick(random, vowels) + pick(random, codas);
  return Array.from({ length: between(random, ...syllables) }, syllable).join('') + pick(random, endings);
}

/** `count` words that nobody has taken yet; they are taken then. */
export function inventAll(random: Random, sounds: Sounds, count: number, taken: Set<string>): string[] {
  return Array.from({ length: count }, () => {
    const word = drawUntil(
      () => invent(random, sounds),
      (drawn) => !taken.has(drawn),
    );
    taken.add(word);
    return word;
  });
}

export function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

const list = (words: string) => words.split(' ');

/** The sounds of names of places. */
export const placeSounds: Sounds = {
  onsets: list('t d b k g m n r l s v z h br dr tr kr ch'),
  vowels: list('a e i o u a o'),
  codas: ['r', 'n', 'l', 's', '', '', ''],
  syllables: [1, 2],
  endings: list('vel ora mund esk ulin ath oma ert ingu alt'),
};

/** The sounds of names of people. */
export const personSounds: Sounds = {
  onsets: list('t d b m n r l s f j p h'),
  vowels: list('a e i o u'),
  codas: ['n', 'l', '', '', ''],
  syllables: [1, 2],
  endings: list('ra lin do ma vi tes na ko ris ba'),
};

export const moneySounds: Sounds = {
  onsets: list('p f d k gl cr st b'),
  vowels: list('a e i o u'),
  codas: ['n', 'r', 'll', ''],
  syllables: [1, 1],
  endings: list('ing ar et one uck'),
};

/** The sounds of the invented languages: no two are alike. */
export const languageSounds: readonly Sounds[] = [
  { onsets: list('k m l v n p'), vowels: list('a e i u'), codas: ['', '', 'n'], syllables: [2, 3], endings: [''] },
  {
    onsets: list('zh g dr b th r'),
    vowels: list('o u ai'),
    codas: ['k', 'rg', 'm'],
    syllables: [1, 2],
    endings: ['esh'],
  },
  {
    onsets: list('s f y w h t'),
    vowels: list('ia o ee u'),
    codas: ['', 'l'],
    syllables: [1, 2],
    endings: list('wa ti lo'),
  },
];

/** English-looking stems, for word forms. */
const onsets = list('b bl br c cl cr d dr f fl fr g gl gr h j k l m n p pl pr r s sc sk sl sm sn sp st sw t tr tw v w');
const short = list('a e i o u');
const simple = list('b d g l m n p r t');
const double = list('ck ft ld lk lm lp lt mp nd ng nk nt rb rd rk rm rn rp rt sh sk sp st tch x zz ss');
const open = list('ai ea ee oa oo ou');

/** A stem that could be English: blick, plome, droam, snarky. No two share a form: cel and cell would, so none has -ll. */
export function inventStem(random: Random): string {
  const start = pick(random, onsets);
  switch (between(random, 0, 5)) {
    case 0:
      return start + pick(random, short) + pick(random, simple);
    case 1:
      return `${start}${pick(random, list('a i o'))}${pick(random, list('b d k l m n p t v'))}e`;
    case 2:
      return start + pick(random, open) + pick(random, simple);
    case 3:
      return `${start}${pick(random, short)}${pick(random, double.slice(0, 18))}y`;
    default:
      return start + pick(random, short) + pick(random, double);
  }
}
