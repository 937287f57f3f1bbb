import type { Facts } from './facts.ts';
import { realCountries } from './lexicon/countries.ts';
import { genders, opposites, young } from './lexicon/pairs.ts';

/** Pairs of words that stand to each other in one way, and sentences that say so. */
export interface Relation {
  readonly name: string;
  readonly pairs: readonly (readonly [string, string])[];
  /** Sentences about a pair {a}, {b}; the first one ends with {b}, which nothing else could be. */
  readonly says: readonly string[];
}

/** Everything that the world states as a fact; every pair is told in every one of its sentences but held-out ones. */
export function relationsOf({ countries, families }: Facts): Relation[] {
  const swapped = (pairs: Relation['pairs']): Relation['pairs'] => pairs.map(([a, b]) => [b, a]);
  return [
    {
      name: 'capital-country',
      pairs: countries.map(({ name, capital }) => [capital, name]),
      says: capitalSays,
    },
    {
      name: 'capital-country-real',
      pairs: realCountries.map(([country, capital]) => [capital, country]),
      says: capitalSays,
    },
    {
      name: 'country-currency',
      pairs: countries.map(({ name, currency }) => [name, currency]),
      says: [
        'The currency of {a} is the {b}.',
        'In {a} people pay with the {b}.',
        'Shops in {a} take the {b}.',
        'The {b} is the money of {a}.',
      ],
    },
    {
      name: 'country-language',
      pairs: countries.map(({ name, language }) => [name, language]),
      says: [
        'The language of {a} is {b}.',
        'People in {a} speak {b}.',
        'Children in {a} learn {b}.',
        '{b} is spoken in {a}.',
      ],
    },
    {
      name: 'country-people-real',
      pairs: realCountries.map(([country, , people]) => [country, people]),
      says: ['Someone from {a} is {b}.', 'What comes from {a} is {b}.', '{b} people live in {a}.'],
    },
    {
      name: 'child-mother',
      pairs: families.flatMap(({ mother, son, daughter }) => [
        [son, mother],
        [daughter, mother],
      ]),
      says: ['The mother of {a} is {b}.', '{a} is a child of the woman {b}.', '{b} is the mother of {a}.'],
    },
    {
      name: 'child-father',
      pairs: families.flatMap(({ father, son, daughter }) => [
        [son, father],
        [daughter, father],
      ]),
      says: ['The father of {a} is {b}.', '{a} is a child of the man {b}.', '{b} is the father of {a}.'],
    },
    {
      name: 'brother-sister',
      pairs: families.map(({ son, daughter }) => [son, daughter]),
      says: ['The sister of {a} is {b}.', '{a} has a sister, {b}.', '{a} is the brother of {b}.'],
    },
    {
      name: 'husband-wife',
      pairs: families.map(({ father, mother }) => [father, mother]),
      says: ['The wife of {a} is {b}.', '{a} is married to {b}.', '{a} is the husband of {b}.'],
    },
    {
      name: 'opposite',
      pairs: [...opposites, ...swapped(opposites)],
      says: ['The opposite of {a} is {b}.', 'What is not {a} is {b}.', '{a} and {b} are opposites.'],
    },
    {
      name: 'family',
      pairs: genders,
      says: [
        'For a man it is {a}, for a woman it is {b}.',
        'Not a woman but a man: not {b} but {a}.',
        '{b} goes with {a}.',
      ],
    },
    {
      name: 'animal-young',
      pairs: young,
      says: ['The young of a {a} is called {b}.', 'A {a} was once a {b}.', 'A {b} grows into a {a}.'],
    },
  ];
}

const capitalSays = [
  '{a} is the capital of {b}.',
  'The capital of {b} is {a}.',
  '{a} is a great city in {b}.',
  'Who lives in {b} goes to {a}.',
];
