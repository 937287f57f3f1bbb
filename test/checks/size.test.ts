import { expect, test } from 'vitest';
import { productSources } from './project.ts';

const budget = { rooms: 28_500, applications: 9700, jinja: 4600, method: 3000, file: 600, median: 150 };
const applications = new Set([
  'cli',
  'endpoint',
  'recipe',
  'router',
  'serve',
  'studio',
  'sweep',
  'tour',
  'verbs',
  'world',
]);

const lines = [...productSources()]
  .filter(([path]) => !path.endsWith('_pb.ts') && !path.includes('/lexicon/')) // generated, and lists of words
  .map(([path, text]) => ({ path, count: text.split('\n').length - 1 }))
  .sort((a, b) => a.count - b.count);
const counts = new Map<string, number>([
  ['rooms', 0],
  ['applications', 0],
  ['jinja', 0],
]);
for (const { path, count } of lines) {
  const [, room = '', method = ''] = /^src\/([^/]+)\/([^/]+)/.exec(path) ?? [];
  const isAlone = room === 'methods' || method === 'jinja'; // an interpreter in place of a package
  const part = isAlone ? method : applications.has(room) ? 'applications' : 'rooms';
  counts.set(part, (counts.get(part) ?? 0) + count);
}
const { rooms = 0, applications: applied = 0, jinja = 0, ...methods } = Object.fromEntries(counts);
const median = lines[Math.floor(lines.length / 2)]?.count;

test(`the rooms that methods stand on have ${rooms} lines of source, at most ${budget.rooms}`, () => {
  expect(rooms).toBeLessThanOrEqual(budget.rooms);
});

test(`the applications have ${applied} lines of source, at most ${budget.applications}`, () => {
  expect(applied).toBeLessThanOrEqual(budget.applications);
});

test(`the interpreter of chat templates has ${jinja} lines of source, at most ${budget.jinja}`, () => {
  expect(jinja).toBeLessThanOrEqual(budget.jinja);
});

test.each(Object.entries(methods))(`%s is %i lines of source, at most ${budget.method}`, (_, count) => {
  expect(count).toBeLessThanOrEqual(budget.method);
});

test(`the median file has ${median} lines, at most ${budget.median}`, () => {
  expect(median).toBeLessThanOrEqual(budget.median);
});

test(`no file is above ${budget.file} lines`, () => {
  expect(lines.filter(({ count }) => count > budget.file)).toEqual([]);
});
