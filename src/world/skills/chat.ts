import type { Random } from '../../base/index.ts';
import { asked, assistant, user } from '../conversation.ts';
import { between, chance, drawUntil, fill, isHeldOut, pick, several } from '../draw.ts';
import type { Tongue } from '../lexicon/requests.ts';
import { smallTalk, type Topic, topics } from '../lexicon/small-talk.ts';
import type { Message, Skill } from '../types.ts';

const share = 0.15;
const tongues = Object.keys(topics) as Tongue[];
const system: Message = { role: 'system', content: 'You are cria, a small llama.' };

/** What somebody has told about themselves. */
interface Told {
  readonly topic: Topic;
  readonly value: string;
}

/**
 * Greetings, and conversations in which somebody tells one or two things about themselves and then asks for one.
 * Held out: 15% of the combinations of two things that are told (with their values, in order), or of one with its
 * value where only one is told; the question is about any of them.
 */
export const chat: Skill = {
  name: 'chat',
  row(random) {
    const messages = chance(random, 0.25) ? greeting(random) : recall(random, false);
    return { messages: chance(random, 0.2) ? [system, ...messages] : messages };
  },
  tasks: { chat: (random) => asked(recall(random, true)) },
};

function greeting(random: Random): Message[] {
  const [said, answer] = pick(random, smallTalk[pick(random, tongues)]);
  return [user(said), assistant(answer)];
}

function recall(random: Random, held: boolean): Message[] {
  const { tongue, told, small } = drawUntil(
    () => {
      const language = pick(random, tongues);
      const chosen = several(random, topics[language], between(random, 1, 2));
      return {
        tongue: language,
        told: chosen.map((topic): Told => ({ topic, value: pick(random, topic.values) })),
        small: chance(random, 0.3),
      };
    },
    (drawn) => isHeldOut(share, 'chat', drawn.tongue, ...drawn.told.map(keyOf)) === held,
  );
  const opening = small ? pick(random, smallTalk[tongue]) : undefined;
  const { topic, value } = pick(random, told);
  return [
    ...(opening ? [user(opening[0]), assistant(opening[1])] : []),
    ...told.flatMap((each) => [said(each, each.topic.tells, user), said(each, each.topic.heard, assistant)]),
    user(topic.asks),
    assistant(fill(topic.answer, { v: value })),
  ];
}

function keyOf({ topic, value }: Told): string {
  return `${topic.name}=${value}`;
}

function said({ value }: Told, template: string, by: (content: string) => Message): Message {
  return by(fill(template, { v: value }));
}
