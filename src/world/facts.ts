import { type Random, randomFrom } from '../base/index.ts';
import { pick } from './draw.ts';
import { capitalized, inventAll, languageSounds, moneySounds, personSounds, placeSounds } from './invent.ts';
import { concepts } from './lexicon/concepts.ts';
import { realCountries } from './lexicon/countries.ts';

export interface Country {
  readonly name: string;
  readonly capital: string;
  readonly currency: string;
  readonly language: string;
}

/** A couple with a son and a daughter. */
export interface Family {
  readonly father: string;
  readonly mother: string;
  readonly son: string;
  readonly daughter: string;
}

export interface Language {
  readonly name: string;
  /** Its word for each concept, in the order of `concepts`. */
  readonly words: readonly string[];
}

/** What is so in the world of one seed. */
export interface Facts {
  readonly countries: readonly Country[];
  readonly families: readonly Family[];
  /** The invented languages, and English. */
  readonly languages: readonly Language[];
}

const countryCount = 48;
const familyCount = 36;

/** The facts of the world of a seed: no name stands for two things. */
export function factsOf(seed: number): Facts {
  const random = randomFrom(seed);
  const taken = new Set<string>([...concepts, ...realCountries.flat().map((name) => name.toLowerCase())]);
  const countries = countriesOf(random, taken);
  const people = inventAll(random, personSounds, familyCount * 4, taken).map(capitalized);
  const families = Array.from({ length: familyCount }, (_, i) => {
    const [father, mother, son, daughter] = people.slice(4 * i, 4 * i + 4) as [string, string, string, string];
    return { father, mother, son, daughter };
  });
  const invented = languageSounds.map((sounds, i) => ({
    name: (countries[i] as Country).language,
    words: inventAll(random, sounds, concepts.length, taken),
  }));
  return { countries, families, languages: [...invented, { name: 'English', words: concepts }] };
}

function countriesOf(random: Random, taken: Set<string>): Country[] {
  const stems = inventAll(random, { ...placeSounds, syllables: [2, 2], endings: [''] }, countryCount, taken);
  const capitals = inventAll(random, placeSounds, countryCount, taken);
  const money = inventAll(random, moneySounds, countryCount, taken);
  return stems.map((stem, i) => {
    const root = stem.replace(/[aeiou]+$/, '');
    return {
      name: capitalized(root + pick(random, ['ia', 'and', 'una', 'or'])),
      capital: capitalized(capitals[i] as string),
      currency: money[i] as string,
      language: capitalized(root + pick(random, ['ic', 'ish', 'ese'])),
    };
  });
}
