import type { Random } from '../../base/index.ts';
import { between, drawUntil, isHeldOut, pick } from '../draw.ts';
import { inventStem } from '../invent.ts';
import type { HeldOut, Skill } from '../types.ts';

const share = 0.1;
const layouts = ['{l}\n', '{l} ;', 'copy: {l} =', '[ {l} ] again ['];

/**
 * Lists that stand twice: of words, names, invented stems, letters, digits, or all mixed, in several layouts.
 * Held out: a tenth of all lists.
 */
export function copying(words: readonly string[]): Skill {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const kinds: readonly ((random: Random) => string)[] = [
    (random) => pick(random, words),
    inventStem,
    (random) => pick(random, letters),
    (random) => String(between(random, 0, 99)),
    (random) => pick(random, [inventStem(random), pick(random, words), pick(random, letters)]),
  ];
  const draw = (random: Random, held: boolean): HeldOut => {
    const list = drawUntil(
      () => {
        const one = pick(random, kinds);
        return Array.from({ length: lengthOf(random) }, () => one(random)).join(' ');
      },
      (drawn) => isHeldOut(share, 'copy', drawn) === held,
    );
    const layout = pick(random, layouts);
    return { prompt: layout.replace('{l}', list), completion: layout.endsWith('\n') ? list : ` ${list}` };
  };
  return {
    name: 'copying',
    row(random) {
      const { prompt, completion } = draw(random, false);
      return { text: prompt + completion };
    },
    tasks: { copying: (random) => draw(random, true) },
  };
}

/** Three to thirty items, short lists more often. */
function lengthOf(random: Random): number {
  return 3 + Math.floor(28 * random() ** 2);
}
