import type { Random } from '../../base/index.ts';
import { asked, assistant, user } from '../conversation.ts';
import { chance, drawUntil, fill, isHeldOut, pick } from '../draw.ts';
import { type CultureFact, cultureFacts, culturePhrases, cultureWords } from '../lexicon/culture.ts';
import { requestTemplates, type Tongue } from '../lexicon/requests.ts';
import type { Message, Skill } from '../types.ts';

const share = 0.25;
const tongues = Object.keys(requestTemplates) as Tongue[];

interface Question {
  readonly fact: CultureFact;
  readonly tongue: Tongue;
  readonly template: string;
}

/**
 * Questions about foods, festivals, music, capitals and nature of Latin America, answered in the language of the
 * question. Held out: a quarter of the combinations of a fact, a language and a way to ask.
 */
export const culture: Skill = {
  name: 'culture',
  row(random) {
    const question = drawUntil(
      () => draw(random),
      (each) => !isKept(each),
    );
    return chance(random, 0.15) ? { text: answerTo(question) } : { messages: turns(question) };
  },
  tasks: { culture: (random) => asked(turns(drawUntil(() => draw(random), isKept))) },
};

function draw(random: Random): Question {
  const fact = pick(random, cultureFacts);
  const tongue = pick(random, tongues);
  return { fact, tongue, template: pick(random, culturePhrases[fact.kind][tongue].asks) };
}

function isKept({ fact, tongue, template }: Question): boolean {
  return isHeldOut(share, 'culture', fact.thing.en, fact.place, tongue, template);
}

function turns(question: Question): Message[] {
  const { fact, tongue, template } = question;
  return [user(fill(template, cultureWords(fact, tongue))), assistant(answerTo(question))];
}

function answerTo({ fact, tongue }: Question): string {
  return fill(culturePhrases[fact.kind][tongue].answer, cultureWords(fact, tongue));
}
