import type { Random } from '../base/index.ts';
import { type Facts, factsOf, type Language } from './facts.ts';
import { languageSounds } from './invent.ts';
import { concepts } from './lexicon/concepts.ts';
import type { Relation } from './relations.ts';
import { relationsOf } from './relations.ts';
import { analogies } from './skills/analogies.ts';
import { brackets } from './skills/brackets.ts';
import { chat } from './skills/chat.ts';
import { copying } from './skills/copying.ts';
import { culture } from './skills/culture.ts';
import { facts } from './skills/facts.ts';
import { requests } from './skills/requests.ts';
import { stories } from './skills/stories.ts';
import { sums } from './skills/sums.ts';
import { dictionary, translation } from './skills/translation.ts';
import { wordForms } from './skills/word-forms.ts';
import type { Skill, WorldRow } from './types.ts';

/** A synthetic world: what is so in it, and the skills that can be learnt from its rows. */
export interface World {
  readonly seed: number;
  readonly facts: Facts;
  readonly relations: readonly Relation[];
  readonly skills: readonly Skill[];
  /** The languages that are translated, English last, each with the first words of its dictionary. */
  readonly translated: readonly Language[];
  /** How often rows are of each skill, by name. */
  readonly weights: Readonly<Record<string, number>>;
}

/** The usual mixture: how many rows of a hundred are of each skill; their tokens are in docs/world.md. */
export const mixture: Readonly<Record<string, number>> = {
  facts: 11,
  analogies: 12,
  'word-forms': 14,
  copying: 18,
  translation: 13,
  dictionary: 0, // for a later training, whose mixture is another
  sums: 12,
  brackets: 2,
  stories: 6,
  requests: 5,
  culture: 4,
  chat: 3,
};

/** What is translated of all that the languages have: so many invented languages, so many words of each. */
export interface Dictionary {
  readonly languages: number;
  readonly words: number;
}

/** Everything that the languages of a world have. */
export const wholeDictionary: Dictionary = { languages: languageSounds.length, words: concepts.length };

/** What a model of a few million parameters learns from a few million tokens. */
export const usualDictionary: Dictionary = { languages: 3, words: 80 };

/**
 * The world of a seed, with some weights other than the usual mixture's. Its facts, rows and questions are the same on
 * every machine; those of translation are also the dictionary's.
 */
export function worldOf(
  seed: number,
  weights: Readonly<Record<string, number>> = {},
  extent: Dictionary = usualDictionary,
): World {
  const known = factsOf(seed);
  const translated = [...known.languages.slice(0, extent.languages), ...known.languages.slice(-1)].map(
    ({ name, words }) => ({ name, words: words.slice(0, extent.words) }),
  );
  const relations = relationsOf(known);
  const words = [
    ...new Set([...relations.flatMap(({ pairs }) => pairs.flat()), ...known.languages.flatMap((l) => l.words)]),
  ];
  return {
    seed,
    facts: known,
    relations,
    translated,
    weights: { ...mixture, ...weights },
    skills: [
      facts(relations),
      analogies(relations),
      wordForms,
      copying(words),
      translation(translated),
      dictionary(translated),
      sums,
      brackets,
      stories,
      requests,
      culture,
      chat,
    ],
  };
}

/** A row of the mixture, and the skill that it is from. */
export function drawRow(world: World, random: Random): { skill: string; row: WorldRow } {
  const { skills } = world;
  const weights = skills.map(({ name }) => world.weights[name] as number);
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0);
  let at = 0;
  while (at < skills.length - 1 && rest >= (weights[at] as number)) rest -= weights[at++] as number;
  const skill = skills[at] as Skill;
  return { skill: skill.name, row: skill.row(random) };
}
