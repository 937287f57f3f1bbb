import type { Random } from '../base/index.ts';
import { several } from './draw.ts';
import { adjectives, nouns, verbs } from './lexicon/stems.ts';
import { type Form, formOf } from './word-forms.ts';
import type { World } from './world.ts';

type Pairs = readonly (readonly [string, string])[];

const mostPairs = 30;
const mostLines = 600;

/**
 * Analogies in the form of questions-words (Mikolov et al. 2013): groups under a line `: name`, four words a line,
 * the first two as the last two.
 */
export function analogyLines({ relations, translated }: World, random: Random): string[] {
  const invented = translated.slice(0, -1);
  const english = translated.at(-1) as (typeof translated)[number];
  const groups: [name: string, pairs: Pairs][] = [
    ...relations.map(({ name, pairs }): [string, Pairs] => [name, pairs]),
    ...(Object.entries(stems) as [Form, readonly string[]][]).map(([form, list]): [string, Pairs] => [
      `gram-${form}`,
      list.map((stem) => [stem, formOf(form, stem)]),
    ]),
    ...invented.map(({ name, words }): [string, Pairs] => [
      `English-${name}`,
      english.words.map((word, i) => [word, words[i] as string]),
    ]),
  ];
  return groups.flatMap(([name, pairs]) => [`: ${name}`, ...linesOf(several(random, pairs, mostPairs), random)]);
}

const stems: Readonly<Record<Form, readonly string[]>> = {
  plural: nouns,
  past: verbs,
  participle: verbs,
  comparative: adjectives,
  adverb: adjectives,
  agent: verbs,
};

/** Ordered pairs of pairs without a word that stands twice. */
function linesOf(pairs: Pairs, random: Random): string[] {
  const lines = pairs.flatMap((one) =>
    pairs.filter((other) => new Set([...one, ...other]).size === 4).map((other) => [...one, ...other].join(' ')),
  );
  return several(random, lines, mostLines);
}

/** Every name and invented word of the world, no one twice. */
export function entityNames({ facts: { countries, families, languages } }: World): string[] {
  const all = [
    ...countries.flatMap((country) => Object.values(country) as string[]),
    ...families.flatMap((family) => Object.values(family) as string[]),
    ...languages.slice(0, -1).flatMap(({ words }) => words),
  ];
  return [...new Set(all)];
}
