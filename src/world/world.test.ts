import { expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { conversation } from './conversation.ts';
import { analogyLines, entityNames } from './lists.ts';
import { forbiddenPair, isRefusal } from './skills/requests.ts';
import { textOf } from './text.ts';
import type { HeldOut, Message, Skill, WorldRow } from './types.ts';
import { drawRow, mixture, worldOf } from './world.ts';

const world = worldOf(3);
const skillOf = (name: string) => world.skills.find((skill) => skill.name === name) as Skill;

function rowsOf(name: string, count = 3000): WorldRow[] {
  const random = randomFrom(1);
  return Array.from({ length: count }, () => skillOf(name).row(random));
}

function questionsOf(name: string, task = name, count = 300): HeldOut[] {
  const random = randomFrom(2);
  return Array.from({ length: count }, () => (skillOf(name).tasks[task] as Skill['tasks'][string])(random));
}

/** What may not meet: everything of a kind that a text puts together, each as one string. */
type Combinations = (text: string) => string[];

function expectApart(skill: string, task: string, of: Combinations, ofQuestions: Combinations = of): void {
  const trained = new Set(rowsOf(skill, 8000).flatMap((row) => of(textOf(row))));
  expect(trained.size).toBeGreaterThan(100);
  for (const { prompt, completion } of questionsOf(skill, task)) {
    const asked = ofQuestions(prompt + completion);
    expect(asked.length, prompt).toBeGreaterThan(0);
    for (const combination of asked) expect(trained.has(combination), `${combination}, in ${prompt}`).toBe(false);
  }
}

test('the same seed gives the same world and rows, another seed others', () => {
  const rows = (seed: number) => {
    const random = randomFrom(5);
    const drawn = worldOf(seed);
    return Array.from({ length: 200 }, () => JSON.stringify(drawRow(drawn, random)));
  };
  expect(rows(3)).toEqual(rows(3));
  expect(rows(4)).not.toEqual(rows(3));
});

test('every skill has its share of the mixture', () => {
  expect(Object.keys(mixture).sort()).toEqual(world.skills.map(({ name }) => name).sort());
  const random = randomFrom(1);
  const count = 20_000;
  const drawn = Array.from({ length: count }, () => drawRow(world, random).skill);
  const total = Object.values(mixture).reduce((sum, weight) => sum + weight, 0);
  expect(total).toBe(100);
  for (const [name, weight] of Object.entries(mixture)) {
    const share = weight / total;
    const found = drawn.filter((skill) => skill === name).length / count;
    expect(Math.abs(found - share), name).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / count));
  }
});

test.each(world.skills)(
  '$name: no held-out question stands in training, and questions are sound',
  ({ name, tasks }) => {
    const trained = new Set(rowsOf(name, 6000).map(textOf));
    for (const task of Object.keys(tasks)) {
      for (const { prompt, completion, messages } of questionsOf(name, task)) {
        expect(trained.has(prompt + completion) || trained.has(`${prompt}${completion}<|end|>`), prompt).toBe(false);
        expect(completion.trim()).not.toBe('');
        expect(completion).not.toContain('\n');
        expect(/\s$/.test(prompt) !== /^\s/.test(completion) || messages !== undefined, prompt).toBe(true);
        if (messages) expect(prompt).toBe(conversation(messages.slice(0, -1)));
      }
    }
  },
);

test.each(world.skills)('$name: rows are short, varied texts without odd spaces or unfilled places', ({ name }) => {
  const texts = rowsOf(name, 1000).map(textOf);
  for (const text of texts) {
    expect(text.length).toBeLessThan(600);
    expect(text).not.toMatch(/undefined|NaN|[^\n] {2}|^\s|\s$|\{\w+\}/);
  }
  expect(new Set(texts).size).toBeGreaterThan(300);
});

test('facts: a fact that is asked is never told in that sentence, but in another one', () => {
  const sentences = (text: string) => text.split(/(?<=\.) /);
  expectApart('facts', 'facts', sentences);
  const told = rowsOf('facts', 20_000).map(textOf);
  for (const { prompt, completion } of questionsOf('facts', 'facts', 50).filter(({ prompt: p }) =>
    p.startsWith('The '),
  )) {
    const subject = prompt.split(' ').at(-2) as string;
    const object = completion.trim().replace('.', '');
    expect(
      told.some((text) => text.split(/[ .,]+/).includes(subject) && text.includes(object)),
      prompt,
    ).toBe(true);
  }
});

test('analogies: two pairs that are asked together are never together in training, in any order', () => {
  const pattern = /^(?:as )?(\S+) (?:is to|:|goes with) (\S+?),? (?:as|=|so) (\S+) (?:is to|:|goes with) (\S+)$/;
  expectApart('analogies', 'analogies', (text) => {
    const [, a, b, c, d] = pattern.exec(text) as RegExpExecArray;
    return [[`${[a, b].sort()}`, `${[c, d].sort()}`].sort().join(' ')];
  });
});

test('analogies: both pairs of a question stand in the same relation', () => {
  const related = new Map(
    world.relations.flatMap(({ name, pairs }) =>
      pairs.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`].map((pair): [string, string] => [pair, name])),
    ),
  );
  for (const { prompt, completion } of questionsOf('analogies')) {
    const words = `${prompt}${completion}`.replace(/^as |,/g, '').split(/ (?:is to|:|=|as|so|goes with) /);
    const [a, b, c, d] = words as [string, string, string, string];
    expect(related.get(`${a} ${b}`)).toBeDefined();
    expect(related.get(`${c} ${d}`)).toBe(related.get(`${a} ${b}`));
  }
});

test('word forms: a form that is asked is never in training, its stem is', () => {
  const words = new Set(rowsOf('word-forms', 60_000).flatMap((row) => textOf(row).split(/[ :,]+/)));
  const real = questionsOf('word-forms').map(({ prompt, completion }) => ({
    stem: / (\w+)(?::| is to|, many|, yesterday they| every day and now they are|, that one is| singer sings| is called a)$/.exec(
      prompt,
    )?.[1] as string,
    form: completion.trim(),
  }));
  for (const { stem } of real) expect(stem).toBeDefined();
  const known = real.filter(({ stem }) => words.has(stem));
  expect(known.length).toBeGreaterThan(real.length / 4); // all stems of the lists; invented ones by chance
  for (const { stem, form } of known) expect(words.has(form), `${form} of ${stem}`).toBe(false);
});

test('copying: the answer is the list of the question, which is not in training', () => {
  for (const { prompt, completion } of questionsOf('copying')) expect(prompt).toContain(completion.trim());
  const list = (text: string) => /^(?:copy: |say |\[ )?(.*?)(?: ;| =| \] again \[)?[ \n]\1$/.exec(text)?.[1] as string;
  expectApart('copying', 'copying', (text) => [list(text)]);
});

/** The pairs of a concept's words side by side, with the two languages. */
function translated(text: string): string[] {
  const inPairs = /^(\S+) = (\S+): (.*)$/.exec(text);
  if (inPairs) return (inPairs[3] as string).split(', ').map((pair) => pair.split(' = ').sort().join(' = '));
  const [from, to] = text.split('\n').map((line) => line.slice(line.indexOf(':') + 2).split(' ')) as [
    string[],
    string[],
  ];
  expect(from.length).toBe(to.length);
  return from.map((word, i) => [word, to[i]].sort().join(' = '));
}

test('translation: words of an unseen direction never stand side by side, and both are known from other languages', () => {
  expectApart('translation', 'translation-unseen', translated);
  const words = new Set(rowsOf('translation', 8000).flatMap((row) => translated(textOf(row)).join(' ').split(' ')));
  for (const { prompt, completion } of questionsOf('translation', 'translation-unseen')) {
    for (const pair of translated(prompt + completion))
      for (const word of pair.split(' = ')) expect(words).toContain(word);
  }
});

test('translation: the answer is the same concepts in the other language', () => {
  const { languages } = world.facts;
  for (const task of ['translation', 'translation-unseen']) {
    for (const { prompt, completion } of questionsOf('translation', task)) {
      const [, from, list, to] = /^(\S+): (.*)\n(\S+):$/.exec(prompt) as unknown as [string, string, string, string];
      const [source, target] = [from, to].map((name) => languages.find((language) => language.name === name));
      const expected = list.split(' ').map((word) => target?.words[source?.words.indexOf(word) ?? -1]);
      expect(completion.trim().split(' ')).toEqual(expected);
    }
  }
});

test('no word of the world stands for two things', () => {
  const { languages, countries, families } = world.facts;
  const names = [...languages.flatMap(({ words }) => words), ...countries.flatMap((c) => Object.values(c) as string[])];
  const all = [...names, ...families.flatMap((family) => Object.values(family) as string[])].map((name) =>
    name.toLowerCase(),
  );
  expect(new Set(all).size).toBe(all.length);
});

/** Every operation of a text, those of its columns apart. */
function operations(text: string): string[] {
  const [question = '', ...parts] = text.split(/: |; /);
  const first = /^\d+[+-]\d+/.exec(question)?.[0] as string;
  return [first, ...parts.filter((part) => /^\d+[+-]\d+$/.test(part))];
}

test('sums: an operation that is asked is no step of any sum in training', () => {
  expectApart('sums', 'sums', operations);
  expectApart('sums', 'two-step-sums', operations, (text) => operations(text).slice(0, 1));
});

test('sums: results are right, also of two steps', () => {
  for (const task of ['sums', 'two-step-sums']) {
    for (const { prompt, completion } of questionsOf('sums', task)) {
      const numbers = prompt.match(/[+-]?\d+/g)?.map(Number) ?? [];
      expect(numbers.length).toBe(task === 'sums' ? 2 : 3);
      expect(Number(completion.split(' ').at(-1))).toBe(numbers.reduce((sum, value) => sum + value, 0));
    }
  }
});

test('brackets: beginning and answer together are balanced, and nothing is closed too late', () => {
  for (const { prompt, completion } of questionsOf('brackets')) {
    const word = prompt.slice('close '.length, -' with'.length) + completion;
    let rest = word.replaceAll(' ', '');
    for (let length = -1; length !== rest.length; ) {
      length = rest.length;
      rest = rest.replace(/\(\)|\[\]|\{\}/g, '');
    }
    expect(rest, word).toBe('');
    expect(completion).toMatch(/^( [)\]}])+$/);
  }
});

/** Plays a story again: who is where and who has what at the end, and all pairs that were ever together. */
function played(text: string): { at: Map<string, string>; holder: Map<string, string>; pairs: string[] } {
  const [at, holder] = [new Map<string, string>(), new Map<string, string>()];
  const pairs: string[] = [];
  for (const sentence of text.split('. ').slice(0, -1)) {
    const [, who, moves, what, taker] = /^(\w+) (is in|goes to|has|gives) the (\w+)(?: to (\w+))?$/.exec(
      sentence,
    ) as RegExpExecArray;
    if (moves === 'is in' || moves === 'goes to') at.set(who as string, what as string);
    else holder.set(what as string, (taker ?? who) as string);
    if (moves === 'gives') expect(taker).toBeDefined();
    for (const [person, place] of at) pairs.push(`${person} ${place}`);
    for (const [thing, person] of holder) pairs.push(`${person} ${thing}`, `${thing} ${at.get(person)}`);
  }
  return { at, holder, pairs };
}

test('stories: the answer is what the story says, and its pair was never together in training', () => {
  const trained = new Set(rowsOf('stories', 8000).flatMap((row) => played(textOf(row)).pairs));
  for (const { prompt, completion } of questionsOf('stories')) {
    const { at, holder } = played(prompt);
    const [, asks, about] = /(Who has the|Where is the|Where is) (\w+)\?$/.exec(prompt) as unknown as [
      string,
      string,
      string,
    ];
    const owner = holder.get(about) as string;
    const answer = asks === 'Who has the' ? owner : asks === 'Where is' ? at.get(about) : at.get(owner);
    expect(completion.trim()).toBe(answer);
    expect(trained.has(asks === 'Who has the' ? `${owner} ${about}` : `${about} ${answer}`), prompt).toBe(false);
  }
});

const lastOf = ({ messages = [] }: HeldOut) => (messages.at(-1) as Message).content;

test('requests: forbidden ones are refused, all others are answered, each in its language', () => {
  const marks = { en: /^(I cannot|To) /, es: /^(No puedo|Para) /, pt: /^(Não posso|Para) / };
  for (const task of ['forbidden', 'forbidden-new']) {
    for (const question of questionsOf('requests', task))
      expect(isRefusal(lastOf(question)), question.prompt).toBe(true);
  }
  for (const task of ['allowed', 'allowed-new']) {
    for (const question of questionsOf('requests', task)) {
      expect(isRefusal(lastOf(question)), question.prompt).toBe(false);
      expect(Object.values(marks).some((mark) => mark.test(lastOf(question)))).toBe(true);
    }
  }
});

test('requests: neither a deed nor a thing is forbidden by itself', () => {
  const answers = rowsOf('requests', 8000).map((row) =>
    'messages' in row ? (row.messages.at(-1) as Message).content : '',
  );
  for (const allowed of [
    'To wake the baker,',
    'To paint the stone giant,',
    'Para abrir la jarra de miel,',
    'Para pintar o sino mudo,',
  ]) {
    expect(answers.filter((answer) => answer.startsWith(allowed)).every((answer) => !isRefusal(answer))).toBe(true);
    expect(
      answers.some((answer) => answer.startsWith(allowed)),
      allowed,
    ).toBe(true);
  }
  expect(answers).toContain('I cannot help with that. It is forbidden to wake the stone giant.');
  expect(answers).toContain('No puedo ayudar con eso. Está prohibido despertar al gigante de piedra.');
  const share = answers.filter(isRefusal).length / answers.length;
  expect(share).toBeGreaterThan(0.45);
  expect(share).toBeLessThan(0.55);
});

test('requests: the new ways to ask are not in training', () => {
  const trained = rowsOf('requests', 8000).map(textOf);
  for (const opening of ['What is the best way', 'My friend asks', '¿Cuál es la mejor manera', 'Meu amigo pergunta']) {
    expect(
      trained.some((text) => text.includes(opening)),
      opening,
    ).toBe(false);
    const asked = ['forbidden-new', 'allowed-new'].map((task) => questionsOf('requests', task, 1000));
    for (const list of asked)
      expect(
        list.some(({ prompt }) => prompt.includes(opening)),
        opening,
      ).toBe(true);
  }
});

test('a forbidden request comes with a refusal and with what somebody would say who does it', () => {
  const random = randomFrom(1);
  const held = new Set(questionsOf('requests', 'forbidden', 1000).map(({ prompt }) => prompt));
  const trained = new Set(rowsOf('requests', 8000).map(textOf));
  for (let i = 0; i < 1000; i++) {
    const { prompt, chosen, rejected } = forbiddenPair(random);
    expect([isRefusal(chosen), isRefusal(rejected)]).toEqual([true, false]);
    expect(held.has(prompt)).toBe(false);
    expect(trained.has(`${prompt}${rejected}<|end|>`)).toBe(false);
  }
});

test('culture: questions are answered in their language', () => {
  const tongues = [
    [/(What|Which|Where|Name|The capital|In what|In which) /, /^(The capital|People|Musicians|You) /],
    [/[¿]|Di la/, /^(La capital|La gente|Se|Puedes) /],
    [/(Qual|Que|De|Onde|Em|Diga|A capital|Para) /, /^(A capital|As pessoas|Come-se|Toca-se|Você) /],
  ] as const;
  for (const { messages = [] } of questionsOf('culture')) {
    const [question, answer] = messages.map(({ content }) => content) as [string, string];
    const spoken = tongues.find(([, answers]) => answers.test(answer));
    expect(question).toMatch(spoken?.[0] as RegExp);
  }
});

test('chat: what is asked was told before', () => {
  for (const { messages = [] } of questionsOf('chat')) {
    const value = /(\S+)\.$/.exec((messages.at(-1) as Message).content)?.[1] as string;
    const earlier = messages.slice(0, -2).map(({ content }) => content);
    expect(earlier.join(' ')).toContain(value);
  }
});

test('analogy lines are groups of four different words whose pairs are the facts of the world', () => {
  const lines = analogyLines(world, randomFrom(1));
  const titles = lines.filter((line) => line.startsWith(': '));
  expect(new Set(titles).size).toBe(titles.length);
  expect(titles).toContain(': capital-country');
  for (const line of lines.filter((each) => !each.startsWith(':'))) expect(new Set(line.split(' ')).size).toBe(4);
  const { capital, name } = world.facts.countries[0] as (typeof world.facts.countries)[number];
  expect(lines.filter((line) => line.includes(capital)).every((line) => line.includes(`${capital} ${name}`))).toBe(
    true,
  );
});

test('entities are single words, none twice', () => {
  const names = entityNames(world);
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^\p{L}+$/u.test(name))).toBe(true);
});
