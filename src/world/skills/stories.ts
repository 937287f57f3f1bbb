import type { Random } from '../../base/index.ts';
import { between, drawUntil, isHeldOut, pick, several } from '../draw.ts';
import type { HeldOut, Skill } from '../types.ts';

const share = 0.1;
const names =
  'Ana Ben Carla David Elena Felix Gina Hugo Ines Jonas Kira Luis Marta Nico Olga Pablo Rosa Simon Tara Ugo'.split(' ');
const objects = 'key ball book lamp coin apple rope drum hat map cup bell flag ring shoe letter'.split(' ');
const places = 'kitchen garden market school harbour forest tower castle library square mill barn'.split(' ');

/** Who is where, and who has what. */
interface State {
  readonly at: Map<string, string>;
  readonly holder: Map<string, string>;
}

/**
 * Little stories and a question about how they end: who has a thing, where somebody is, where a thing is. Held out: a
 * tenth of the pairs of a person and a thing, of a person and a place, of a thing and a place; in the stories of
 * training no such pair is ever together, and a question is about one.
 */
export const stories: Skill = {
  name: 'stories',
  row: (random) =>
    drawUntil(
      () => story(random),
      ({ pairs }) => !pairs.some(isKept),
    ).question,
  tasks: {
    stories: (random) =>
      drawUntil(
        () => story(random),
        ({ asked }) => isKept(asked),
      ).question,
  },
};

type Pair = readonly [string, string];

function isKept(pair: Pair): boolean {
  return isHeldOut(share, 'story', ...pair);
}

/** A story, the pairs that were together at any time in it, and the pair that its question is about. */
function story(random: Random): { question: HeldOut; pairs: readonly Pair[]; asked: Pair } {
  const people = several(random, names, between(random, 2, 3));
  const things = several(random, objects, between(random, 1, 2));
  const state: State = { at: new Map(), holder: new Map() };
  const pairs: Pair[] = [];
  const sentences: string[] = [];
  const note = () => {
    for (const [person, place] of state.at) pairs.push([person, place]);
    for (const [thing, person] of state.holder) pairs.push([person, thing], [thing, state.at.get(person) as string]);
  };
  for (const person of people) {
    const place = pick(random, places);
    state.at.set(person, place);
    sentences.push(`${person} is in the ${place}.`);
  }
  for (const thing of things) {
    const person = pick(random, people);
    state.holder.set(thing, person);
    sentences.push(`${person} has the ${thing}.`);
  }
  note();
  for (let events = between(random, 0, 3); events > 0; events--) {
    sentences.push(happen(random, state, people, things));
    note();
  }
  return { ...ask(random, sentences.join(' '), state, people, things), pairs };
}

/** One event: someone goes somewhere else, or gives a thing to someone else; things go with their holder. */
function happen(random: Random, { at, holder }: State, people: readonly string[], things: readonly string[]): string {
  if (random() < 0.5) {
    const person = pick(random, people);
    const place = pick(
      random,
      places.filter((other) => other !== at.get(person)),
    );
    at.set(person, place);
    return `${person} goes to the ${place}.`;
  }
  const thing = pick(random, things);
  const giver = holder.get(thing) as string;
  const taker = pick(
    random,
    people.filter((other) => other !== giver),
  );
  holder.set(thing, taker);
  return `${giver} gives the ${thing} to ${taker}.`;
}

function ask(
  random: Random,
  told: string,
  { at, holder }: State,
  people: readonly string[],
  things: readonly string[],
): { question: HeldOut; asked: Pair } {
  const person = pick(random, people);
  const thing = pick(random, things);
  const owner = holder.get(thing) as string;
  const place = at.get(owner) as string;
  switch (between(random, 0, 2)) {
    case 0:
      return { question: { prompt: `${told} Who has the ${thing}?`, completion: ` ${owner}` }, asked: [owner, thing] };
    case 1: {
      const where = at.get(person) as string;
      return { question: { prompt: `${told} Where is ${person}?`, completion: ` ${where}` }, asked: [person, where] };
    }
    default:
      return { question: { prompt: `${told} Where is the ${thing}?`, completion: ` ${place}` }, asked: [thing, place] };
  }
}
