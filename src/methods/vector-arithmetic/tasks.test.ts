import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { needs, shared } from '../../../test/shared.ts';
import { pairsOf, readTasks, wordsOf } from './tasks.ts';

function file(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

const analogies = 'a b c d\ne f g h\n';

test('groups of a text file are tasks, and lines of other than four words are passed over', async () => {
  const path = file('words.txt', `: family\n${analogies}one two\n\n: gram3-comparative\n${analogies}`);
  expect(await readTasks(path)).toEqual([
    {
      name: 'family',
      prefix: 'Did you talk to her ',
      lines: [
        ['a', 'b', 'c', 'd'],
        ['e', 'f', 'g', 'h'],
      ],
    },
    expect.objectContaining({ name: 'gram3-comparative', prefix: 'Here is a random word in English: ' }),
  ]);
});

test('words apart by tabs may have spaces, and the name of the file is the title', async () => {
  const [task] = await readTasks(file('city-in-state.txt', 'title\nNew York\tb\tc\td\ne\tf\tg\th\n'));
  expect(task).toMatchObject({ name: 'city-in-state', prefix: 'She travelled to ' });
  expect(task?.lines[0]).toEqual(['New York', 'b', 'c', 'd']);
});

test('pairs give every ordered pair of pairs, output first; lines that repeat a word are left out', async () => {
  const rows = ['ab', 'cd', 'ef', 'gb'].map(([input, output]) => ({ input, output }));
  const [task] = await readTasks(file('pairs.json', JSON.stringify(rows)));
  expect(task?.lines).toHaveLength(4 * 3 - 2);
  expect(task?.lines[0]).toEqual(['b', 'a', 'd', 'c']);
  expect(pairsOf(task?.lines ?? [])).toHaveLength(4);
  expect(wordsOf(task?.lines ?? [])).toHaveLength(7);
});

test.each([
  [
    'three.json',
    '[{"input":"a","output":"b"},{"input":"c","output":"d"}]',
    /three.json: has 2 pairs of words, and 4 are/,
  ],
  ['none.txt', 'nothing here\n', /none.txt: has no lines of four words/],
  ['other.json', '[{"text":"a"}]', /other.json: row 1: has no column 'output'/],
  ['group.txt', `: x\n${analogies}: y\na b c d\n`, /group.txt: y: has 2 pairs/],
])('%s is refused', async (name, content, sentence) => {
  await expect(readTasks(file(name, content))).rejects.toThrow(sentence);
});

/** Lines and candidates of the paper's table. */
const published: Readonly<Record<string, readonly [number, number]>> = {
  'capital-common-countries': [506, 46],
  'capital-world': [4524, 232],
  'city-in-state': [2467, 94],
  currency: [866, 58],
  family: [506, 46],
  'gram1-adjective-to-adverb': [992, 64],
  'gram2-opposite': [812, 58],
  'gram3-comparative': [1332, 74],
  'gram4-superlative': [1122, 68],
  'gram5-present-participle': [1056, 66],
  'gram6-nationality-adjective': [1599, 82],
  'gram7-past-tense': [1560, 80],
  'gram8-plural': [1332, 74],
  'gram9-plural-verbs': [870, 60],
};

const questions = shared('data', 'tasks', 'questions-words.txt');
const { skip, reason } = needs(questions, 'questions-words.txt');
describe.skipIf(skip)(`the public files${reason}`, () => {
  test('have the lines and candidates that the paper counts (oracle 9)', async () => {
    const tasks = await readTasks(questions as string);
    const counts = tasks.map(({ name, lines }) => [name, [lines.length, wordsOf(lines).length]]);
    expect(Object.fromEntries(counts)).toEqual(published);
  });

  test('pairs are cut at fifty', async () => {
    const [task] = await readTasks(shared('data', 'tasks', 'present-past.json') as string);
    expect(task?.lines.length).toBeLessThanOrEqual(2450);
    expect(task?.lines.length).toBeGreaterThan(2300);
  });
});
