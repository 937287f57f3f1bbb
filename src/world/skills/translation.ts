import type { Random } from '../../base/index.ts';
import { between, chance, drawUntil, isHeldOut, several } from '../draw.ts';
import type { Language } from '../facts.ts';
import { concepts } from '../lexicon/concepts.ts';
import type { HeldOut, Skill } from '../types.ts';

const unseenShare = 0.1;
const listShare = 0.1;
const indices = concepts.map((_, i) => i);

/** Of the rows of training, so many are short: words are learnt from them, and the order of a list from the others. */
const dictionary = 0.5;
const few = (random: Random) => between(random, 1, 3);

/**
 * A list of words in one language, then the same list in another. Held out, for `translation`: a tenth of the
 * combinations of a list and two languages. For `translation-unseen`: a tenth of the combinations of a concept
 * and two languages (both directions), which training never shows side by side, though it shows both words beside
 * those of other languages.
 */
export function translation(languages: readonly Language[]): Skill {
  const pairs = languages.flatMap((one, i) => languages.slice(i + 1).map((other) => [one, other]));
  // at most one pair of languages for a concept, so that every word is seen beside another
  const unseenPairs = concepts.map((_, concept) =>
    pairs.find(([one, other]) => isHeldOut(unseenShare, 'concept', concept, one?.name ?? '', other?.name ?? '')),
  );
  const isUnseen = (concept: number, ...asked: Language[]) =>
    unseenPairs[concept]?.every((language) => asked.includes(language)) ?? false;
  const drawPair = (random: Random) => several(random, languages, 2) as [Language, Language];
  const seen = (from: Language, to: Language) => indices.filter((concept) => !isUnseen(concept, from, to));
  const drawSeen = (random: Random, held: boolean, length: (random: Random) => number = lengthOf) =>
    drawUntil(
      () => {
        const [from, to] = drawPair(random);
        return { from, to, list: several(random, seen(from, to), length(random)) };
      },
      ({ from, to, list }) => isHeldOut(listShare, 'list', from.name, to.name, ...list) === held,
    );
  return {
    name: 'translation',
    row(random) {
      const { from, to, list } = drawSeen(random, false, chance(random, dictionary) ? few : lengthOf);
      if (chance(random, 0.9)) return asked(from, to, list);
      const pairs = list.map((concept) => `${from.words[concept]} = ${to.words[concept]}`);
      return { text: `${from.name} = ${to.name}: ${pairs.join(', ')}` };
    },
    tasks: {
      translation(random) {
        const { from, to, list } = drawSeen(random, true);
        return asked(from, to, list);
      },
      'translation-unseen'(random) {
        const { from, to, unseen } = drawUntil(
          () => {
            const [from, to] = drawPair(random);
            return { from, to, unseen: indices.filter((concept) => isUnseen(concept, from, to)) };
          },
          ({ unseen }) => unseen.length >= 4,
        );
        return asked(from, to, several(random, unseen, between(random, 1, 4)));
      },
    },
  };
}

function asked(from: Language, to: Language, list: readonly number[]): HeldOut {
  const words = (language: Language) => list.map((concept) => ` ${language.words[concept]}`).join('');
  return { prompt: `${from.name}:${words(from)}\n${to.name}:`, completion: words(to) };
}

/** One to twenty words, short lists more often. */
function lengthOf(random: Random): number {
  return 1 + Math.floor(20 * random() ** 2);
}
