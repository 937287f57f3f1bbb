import type { Random } from '../../base/index.ts';
import { between, drawUntil, fill, isHeldOut, pick } from '../draw.ts';
import type { Relation } from '../relations.ts';
import type { Skill } from '../types.ts';

const share = 0.25;

/**
 * Facts stated in sentences. Held out: a quarter of the facts in the first sentence of their relation, which ends with
 * the answer; these facts are told in its other sentences.
 */
export function facts(relations: readonly Relation[]): Skill {
  const draw = (random: Random): Statement => {
    const relation = pick(random, relations);
    const [a, b] = pick(random, relation.pairs);
    return { relation, a, b, template: pick(random, relation.says) };
  };
  return {
    name: 'facts',
    row(random) {
      const told = Array.from({ length: between(random, 1, 3) }, () =>
        sentence(
          drawUntil(
            () => draw(random),
            (statement) => !isKept(statement),
          ),
        ),
      );
      return { text: told.join(' ') };
    },
    tasks: {
      facts(random) {
        const text = sentence(drawUntil(() => draw(random), isKept));
        const end = text.lastIndexOf(' ');
        return { prompt: text.slice(0, end), completion: text.slice(end) };
      },
    },
  };
}

interface Statement {
  readonly relation: Relation;
  readonly a: string;
  readonly b: string;
  readonly template: string;
}

function isKept({ relation, a, b, template }: Statement): boolean {
  return template === relation.says[0] && isHeldOut(share, 'fact', relation.name, a, b);
}

function sentence({ template, a, b }: Statement): string {
  const text = fill(template, { a, b });
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
