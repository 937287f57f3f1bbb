import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shared } from '../../test/shared.ts';
import { asked, type Question, readTask, withChoices } from './task.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-task-'));
afterAll(() => rmSync(folder, { recursive: true }));

function task(...rows: object[]): string {
  const path = join(folder, 'task.jsonl');
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
}

const choices = ['two', 'three', 'four'];

test.each<[object, Omit<Question, 'where'>]>([
  [
    { prompt: 'One and one is', completion: ' two' },
    { prompt: 'One and one is', answer: ' two' },
  ],
  [
    { input: '1+1', output: 'two' },
    { prompt: 'Q: 1+1\nA:', answer: 'two' },
  ],
  [
    { question: '1+1?', choices, answer: 0 },
    { prompt: 'Q: 1+1?\nA:', answer: 'two', choices },
  ],
  [
    { prompt: '1+1=', choices, answer: 'b' },
    { prompt: '1+1=', answer: 'three', choices },
  ],
  [
    { prompt: '1+1=', choices, answer: 'four' },
    { prompt: '1+1=', answer: 'four', choices },
  ],
  [
    { prompt: '1+1=', choices: ['b', 'a'], answer: 'a' },
    { prompt: '1+1=', answer: 'a', choices: ['b', 'a'] },
  ],
])('%j is a question', async (row, question) => {
  const path = task(row);
  expect(await readTask(path)).toEqual([{ ...question, where: `${path}: row 1` }]);
});

test.each([
  [{ text: 'a' }, "row 1: has no column 'prompt' (its columns are text)"],
  [{ prompt: 'a' }, "row 1: has no column 'completion' (its columns are prompt)"],
  [{ prompt: 'a', choices: ['b'], answer: 0 }, 'row 1: choices must be a list of at least two strings'],
  [{ prompt: 'a', choices, answer: 3 }, 'row 1: the answer 3 is not among the choices'],
  [{ prompt: 'a', choices, answer: 'z' }, 'row 1: the answer "z" is not among the choices'],
  [{ prompt: 'a', choices }, 'row 1: the answer null is not among the choices'],
])('%j is refused', async (row, sentence) => {
  await expect(readTask(task(row))).rejects.toThrow(sentence);
});

test('a task without rows is refused', async () => {
  await expect(readTask(task())).rejects.toThrow('has no rows');
});

const questions = Array.from({ length: 10 }, (_, i) => ({ prompt: `p${i}:`, answer: `a${i}`, where: `row ${i}` }));

test('examples stand before every question and are not asked', () => {
  const drawn = asked(questions, { shots: 3, seed: 1 });
  expect(drawn).toHaveLength(7);
  const examples = [...(drawn[0]?.text.matchAll(/^p(\d): a\1\n\n/gm) ?? [])].map(([, i]) => `p${i}:`);
  expect(examples).toHaveLength(3);
  for (const { prompt, text } of drawn) {
    expect(examples).not.toContain(prompt);
    expect(text.endsWith(`\n\n${prompt}`)).toBe(true);
  }
});

test('the seed draws the examples', () => {
  const first = (seed: number) => asked(questions, { shots: 2, seed })[0]?.text;
  expect(first(3)).toBe(first(3));
  expect(new Set([0, 1, 2, 3, 4].map(first)).size).toBeGreaterThan(1);
});

test('a limit takes the first questions of the file', () => {
  expect(asked(questions, { limit: 2 }).map(({ text }) => text)).toEqual(['p0:', 'p1:']);
});

test('examples that leave nothing to ask are refused', () => {
  expect(() => asked(questions, { shots: 10 })).toThrow('--shots 10 leaves no question of 10 rows (use at most 9)');
});

test('questions without choices get all answers of the task, when they are labels', () => {
  const labelled = ['good', 'bad', 'good'].map((answer) => ({ prompt: 'p', answer, where: 'w' }));
  expect(withChoices(labelled).map((question) => question.choices)).toEqual(Array(3).fill(['good', 'bad']));
  const many = Array.from({ length: 65 }, (_, i) => ({ prompt: 'p', answer: `${i}`, where: `row ${i + 1}` }));
  expect(() => withChoices(many)).toThrow('row 1: has no choices, and the task has 65 different answers');
});

const commonsense = shared('data', 'tasks', 'commonsense_qa.json');

test.skipIf(!commonsense)(
  `the letters of commonsense_qa serve as choices${commonsense ? '' : ' [skipped: the tasks are not there]'}`,
  async () => {
    const [first] = withChoices(await readTask(commonsense as string));
    expect([...(first?.choices ?? [])].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  },
);
