import type { Random } from '../../base/index.ts';
import { between, chance, drawUntil, isHeldOut, pick } from '../draw.ts';
import { result, type Sign, worked } from '../sums.ts';
import type { HeldOut, Skill } from '../types.ts';

const share = 0.1;

interface Step {
  readonly a: number;
  readonly sign: Sign;
  readonly b: number;
}

/**
 * Additions and subtractions of numbers of one to three digits, with worked steps, alone and two in a row.
 * Held out: a tenth of the operations (both numbers and the sign), alone and as the first of two; in training no
 * step of any sum is one of them.
 */
export const sums: Skill = {
  name: 'sums',
  row(random) {
    if (chance(random, 0.4)) return single(drawStep(random, undefined, false));
    const first = drawStep(random, undefined, false);
    return double(first, drawStep(random, resultOf(first), false));
  },
  tasks: {
    sums: (random) => single(drawStep(random, undefined, true)),
    'two-step-sums'(random) {
      const first = drawStep(random, undefined, true);
      return double(first, drawStep(random, resultOf(first), undefined));
    },
  },
};

/** `held`: whether the step is one of those that are held out; undefined where both will do. */
function drawStep(random: Random, from: number | undefined, held: boolean | undefined): Step {
  return drawUntil(
    () => {
      const [one, other] = [from ?? drawNumber(random), drawNumber(random)];
      const sign = pick(random, ['+', '-'] as const);
      const isTurned = from === undefined && sign === '-' && other > one;
      return isTurned ? { a: other, sign, b: one } : { a: one, sign, b: other };
    },
    (step) => resultOf(step) >= 0 && (held === undefined || isKept(step) === held),
  );
}

/** Up to three digits, each length as often as the others. */
function drawNumber(random: Random): number {
  const top = 10 ** between(random, 1, 3);
  return between(random, top === 10 ? 0 : top / 10, top - 1);
}

function isKept({ a, sign, b }: Step): boolean {
  return isHeldOut(share, 'sum', a, sign, b);
}

function resultOf({ a, sign, b }: Step): number {
  return result(a, sign, b);
}

function single({ a, sign, b }: Step): HeldOut {
  return { prompt: `${a}${sign}${b}:`, completion: ` ${worked(a, sign, b)}` };
}

function double(first: Step, second: Step): HeldOut {
  const { a, sign, b } = first;
  const steps = `${worked(a, sign, b)}; ${second.a}${second.sign}${second.b}: ${worked(second.a, second.sign, second.b)}`;
  return { prompt: `${a}${sign}${b}${second.sign}${second.b}:`, completion: ` ${steps}` };
}
