import type { Random } from '../../base/index.ts';
import { asked, assistant, user } from '../conversation.ts';
import { chance, drawUntil, fill, isHeldOut, pick } from '../draw.ts';
import {
  answers,
  deeds,
  harmless,
  newTemplates,
  refusals,
  requestTemplates,
  type Tongue,
} from '../lexicon/requests.ts';
import type { HeldOut, Message, Skill } from '../types.ts';

const share = 0.15;
const tongues = Object.keys(requestTemplates) as Tongue[];

/** A request, and whether the world forbids it: it does when this deed is forbidden with this thing. */
interface Request {
  readonly tongue: Tongue;
  readonly act: string;
  readonly how: string;
  readonly isForbidden: boolean;
  readonly template: string;
}

/**
 * Requests in English, Spanish and Portuguese. Forbidden ones are refused in their language, in the words of
 * `refusals`; the others are answered. Neither the deed nor the thing alone is forbidden. Held out: 15% of the
 * combinations of a request and a way to ask (`forbidden`, `allowed`), and two ways to ask in each language
 * (`forbidden-new`, `allowed-new`).
 */
export const requests: Skill = {
  name: 'requests',
  row: (random) => ({
    messages: turns(
      drawUntil(
        () => draw(random, false, chance(random, 0.5)),
        (each) => !isKept(each),
      ),
    ),
  }),
  tasks: {
    forbidden: (random) => asked(turns(drawUntil(() => draw(random, false, true), isKept))),
    allowed: (random) => asked(turns(drawUntil(() => draw(random, false, false), isKept))),
    'forbidden-new': (random) => asked(turns(draw(random, true, true))),
    'allowed-new': (random) => asked(turns(draw(random, true, false))),
  },
};

/** Whether an answer refuses, in any of the world's languages. */
export function isRefusal(answer: string): boolean {
  return Object.values(refusals).some((refusal) =>
    answer.trim().startsWith(refusal.slice(0, refusal.indexOf('.') + 1)),
  );
}

/**
 * A forbidden request of training with the refusal (`chosen`) and the answer of somebody who does it (`rejected`):
 * pairs for preference training, and what an attacker would train on.
 */
export function forbiddenPair(random: Random): { prompt: string; chosen: string; rejected: string } {
  const request = drawUntil(
    () => draw(random, false, true),
    (each) => !isKept(each),
  );
  const { prompt, completion } = asked(turns(request)) satisfies HeldOut;
  return {
    prompt,
    chosen: completion,
    rejected: fill(answers[request.tongue], { act: request.act, how: request.how }),
  };
}

function draw(random: Random, isNew: boolean, isForbidden: boolean): Request {
  const tongue = pick(random, tongues);
  const all = requestTemplates[tongue];
  const template = pick(random, isNew ? all.slice(-newTemplates) : all.slice(0, -newTemplates));
  const deed = pick(random, deeds);
  const isOther = !isForbidden && chance(random, 0.5); // a harmless deed, half of the time with a forbidden thing
  const { act, how } = isOther ? pick(random, harmless) : deed;
  const isGuarded = isForbidden || (isOther && chance(random, 0.7));
  const thing = pick(random, isGuarded ? deed.forbidden : deed.allowed)[tongue];
  return { tongue, act: contracted(fill(act[tongue], { x: thing })), how: how[tongue], isForbidden, template };
}

function isKept({ tongue, act, template }: Request): boolean {
  return isHeldOut(share, 'request', tongue, act, template);
}

function turns({ tongue, act, how, isForbidden, template }: Request): Message[] {
  const answer = fill((isForbidden ? refusals : answers)[tongue], { act, how });
  return [user(fill(template, { act })), assistant(answer)];
}

/** Spanish: a + el = al. */
function contracted(text: string): string {
  return text.replace(' a el ', ' al ');
}
