import type { Random } from '../../base/index.ts';
import { between, chance, drawUntil, isHeldOut, pick } from '../draw.ts';
import { inventStem } from '../invent.ts';
import type { HeldOut, Skill } from '../types.ts';

const share = 0.1;
/** In each the first word of the list is spelled with the same space both times. */
const layouts = ['{l}\n', 'say {l} ;', 'copy: {l} =', '[ {l} ] again ['];

/** Of a hundred rows, so many say a short list again and again: what comes next is then mostly known. */
const repeating = 0.5;

/**
 * Lists that stand twice, or again and again: of words, names, invented stems, letters, numbers, all mixed, or pieces of words run
 * together, in several layouts. Held out: a tenth of all lists.
 */
export function copying(words: readonly string[]): Skill {
  const kinds: readonly ((random: Random) => string)[] = [
    (random) => ` ${pick(random, words)}`,
    (random) => ` ${inventStem(random)}`,
    (random) => ` ${pick(random, letters)}`,
    (random) => ` ${between(random, 0, 99)}`,
    (random) => ` ${pick(random, [inventStem(random), pick(random, words), pick(random, letters)])}`,
    (random) => piece(random, pick(random, words)),
  ];
  const drawList = (random: Random, held: boolean, length: (random: Random) => number): string =>
    drawUntil(
      () => {
        const one = pick(random, kinds);
        const items = Array.from({ length: length(random) }, () => one(random));
        return items.join('').trim();
      },
      (drawn) => isHeldOut(share, 'copy', drawn) === held,
    );
  const draw = (random: Random, held: boolean): HeldOut => {
    const list = drawList(random, held, lengthOf);
    const layout = pick(random, layouts);
    return { prompt: layout.replace('{l}', list), completion: layout.endsWith('\n') ? list : ` ${list}` };
  };
  return {
    name: 'copying',
    row(random) {
      if (chance(random, repeating)) {
        const list = drawList(random, false, (from) => between(from, 3, 9));
        return {
          text: `repeat: ${Array(between(random, 3, 6))
            .fill(list)
            .join(' , ')}`,
        };
      }
      return draw(random, false);
    },
    tasks: { copying: (random) => draw(random, true) },
  };
}

const letters = [...'abcdefghijklmnopqrstuvwxyz'];

/** A few letters of a word, half of the time behind a space. */
function piece(random: Random, word: string): string {
  const start = between(random, 0, word.length - 1);
  return (chance(random, 0.5) ? ' ' : '') + word.slice(start, start + between(random, 1, 4));
}

/** Three to thirty items, short lists more often. */
function lengthOf(random: Random): number {
  return 3 + Math.floor(28 * random() ** 2);
}
