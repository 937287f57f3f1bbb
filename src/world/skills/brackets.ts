import type { Random } from '../../base/index.ts';
import { between, chance, drawUntil, isHeldOut, pick } from '../draw.ts';
import type { Skill } from '../types.ts';

const share = 0.1;
const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const deepest = 6;

/**
 * Beginnings of well-nested words over two or three kinds of brackets, and the brackets that close them.
 * Held out: a tenth of the beginnings, of every length and depth.
 */
export const brackets: Skill = {
  name: 'brackets',
  row: (random) => drawWord(random, false),
  tasks: { brackets: (random) => drawWord(random, true) },
};

function drawWord(random: Random, held: boolean) {
  const { word, open } = drawUntil(
    () => beginning(random),
    (drawn) => drawn.open.length > 0 && isHeldOut(share, 'brackets', drawn.word) === held,
  );
  const ending = open.reverse().map((bracket) => ` ${closing[bracket]}`);
  return { prompt: `close ${word} with`, completion: ending.join('') };
}

/** A random walk that never closes what is not open. */
function beginning(random: Random): { word: string; open: string[] } {
  const kinds = Object.keys(closing).slice(0, between(random, 2, 3));
  const open: string[] = [];
  const word = Array.from({ length: between(random, 1, 20) }, () => {
    const opens = open.length === 0 || (open.length < deepest && chance(random, 0.55));
    const bracket = opens ? pick(random, kinds) : (closing[open.pop() as string] as string);
    if (opens) open.push(bracket);
    return bracket;
  });
  return { word: word.join(' '), open };
}
