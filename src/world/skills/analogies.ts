import type { Random } from '../../base/index.ts';
import { chance, drawUntil, fill, isHeldOut, pick, several } from '../draw.ts';
import type { Relation } from '../relations.ts';
import type { Skill } from '../types.ts';

const share = 0.1;
const templates = ['{a} is to {b} as {c} is to', '{a} : {b} = {c} :', 'as {a} goes with {b}, so {c} goes with'];

/**
 * Analogies between two pairs of one relation, in both directions. Held out: a tenth of the combinations of two pairs
 * (in both orders, directions and all sentences); each pair is shown with many others.
 */
export function analogies(relations: readonly Relation[]): Skill {
  const draw = (random: Random, held: boolean) => {
    const [first, second, relation] = drawUntil(
      () => {
        const drawn = pick(random, relations);
        const [one, other] = several(random, drawn.pairs, 2) as [Pair, Pair];
        return [one, other, drawn.name] as const;
      },
      ([one, other, name]) => isKept(name, one, other) === held,
    );
    const isBackward = !ambiguousBackward.has(relation) && chance(random, 0.5);
    const [[a, b], [c, d]] = isBackward ? [turned(first), turned(second)] : [first, second];
    return { prompt: fill(pick(random, templates), { a, b, c }), completion: ` ${d}` };
  };
  return {
    name: 'analogies',
    row: (random) => draw(random, false),
    tasks: { analogies: (random) => draw(random, true) },
  };
}

type Pair = Relation['pairs'][number];

/** A mother has two children. */
const ambiguousBackward: ReadonlySet<string> = new Set(['child-mother', 'child-father']);

function isKept(relation: string, one: Pair, other: Pair): boolean {
  return isHeldOut(share, 'analogy', relation, ...[one, other].map((pair) => [...pair].sort().join('-')).sort());
}

function turned([a, b]: Pair): Pair {
  return [b, a];
}
