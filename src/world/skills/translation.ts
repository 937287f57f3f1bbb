import type { Random } from '../../base/index.ts';
import { between, chance, drawUntil, isHeldOut, several } from '../draw.ts';
import type { Language } from '../facts.ts';
import type { HeldOut, Skill } from '../types.ts';

const unseenShare = 0.05;
const listShare = 0.1;

/**
 * A list of words in one language, then the same list in another. Held out, for `translation`: a tenth of the
 * combinations of a list and two languages. For `translation-unseen`: a twentieth of the combinations of a concept
 * and two languages (both directions), which training never shows side by side, though it shows both words beside
 * those of other languages.
 */
export function translation(languages: readonly Language[]): Skill {
  const { lists, tasks } = listsOf(languages);
  return {
    name: 'translation',
    row(random) {
      const { from, to, list } = lists(random, false, lengthOf);
      if (chance(random, 0.8)) return asked(from, to, list);
      const pairs = list.map((concept) => `${from.words[concept]} = ${to.words[concept]}`);
      return { text: `${from.name} = ${to.name}: ${pairs.join(', ')}` };
    },
    tasks,
  };
}

/** Translation of one to three words, of which the answer alone is learnt: the words before their order. */
export function dictionary(languages: readonly Language[]): Skill {
  const { lists } = listsOf(languages);
  return {
    name: 'dictionary',
    row(random) {
      const { from, to, list } = lists(random, false, (from) => between(from, 1, 3));
      return asked(from, to, list);
    },
    tasks: {},
  };
}

function listsOf(languages: readonly Language[]) {
  const drawPair = (random: Random) => several(random, languages, 2) as [Language, Language];
  const seen = (from: Language, to: Language) => conceptsOf(from).filter((concept) => !isUnseen(concept, from, to));
  const isKnown = (concept: number, language: Language) =>
    languages.some((other) => other !== language && !isUnseen(concept, language, other));
  /** What training never shows beside each other, though it shows both beside words of others. */
  const unseen = (from: Language, to: Language) =>
    conceptsOf(from).filter((concept) => isUnseen(concept, from, to) && isKnown(concept, from) && isKnown(concept, to));
  const lists = (random: Random, held: boolean, length: (random: Random) => number) =>
    drawUntil(
      () => {
        const [from, to] = drawPair(random);
        return { from, to, list: several(random, seen(from, to), length(random)) };
      },
      ({ from, to, list }) => isHeldOut(listShare, 'list', from.name, to.name, ...list) === held,
    );
  const askUnseen = (random: Random) => {
    const [from, to] = drawUntil(
      () => drawPair(random),
      (pair) => unseen(...pair).length > 0,
    );
    return asked(from, to, several(random, unseen(from, to), between(random, 1, 4)));
  };
  const hasUnseen = languages.some((from) => languages.some((to) => to !== from && unseen(from, to).length > 0));
  return {
    lists,
    tasks: {
      translation(random: Random) {
        const { from, to, list } = lists(random, true, lengthOf);
        return asked(from, to, list);
      },
      ...(hasUnseen ? { 'translation-unseen': askUnseen } : {}), // one invented language has no third to be known from
    },
  };
}

const conceptsOf = ({ words }: Language): number[] => words.map((_, i) => i);

function isUnseen(concept: number, from: Language, to: Language): boolean {
  return isHeldOut(unseenShare, 'concept', concept, ...[from.name, to.name].sort());
}

function asked(from: Language, to: Language, list: readonly number[]): HeldOut {
  const words = (language: Language) => list.map((concept) => ` ${language.words[concept]}`).join('');
  return { prompt: `${from.name}:${words(from)}\n${to.name}:`, completion: words(to) };
}

/** One to twenty words, short lists more often. */
function lengthOf(random: Random): number {
  return 1 + Math.floor(20 * random() ** 2);
}
