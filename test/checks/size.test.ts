import { expect, test } from 'vitest';
import { productSources } from './project.ts';

const budget = { rooms: 27_000, applications: 9000, method: 3000, file: 600, median: 150 };
const applications = ['cli', 'serve', 'tour', 'world', 'recipe', 'sweep', 'endpoint', 'studio'];

const lines = [...productSources()]
  .filter(([path]) => !path.endsWith('_pb.ts') && !path.includes('/lexicon/')) // generated, and lists of words
  .map(([path, text]) => ({ path, count: text.split('\n').length - 1 }))
  .sort((a, b) => a.count - b.count);
const counts = new Map<string, number>();
for (const { path, count } of lines) {
  const room = /src\/([^/]+)\//.exec(path)?.[1] ?? '';
  const method = /src\/methods\/([^/]+)\//.exec(path)?.[1];
  const part = method ?? (applications.includes(room) ? 'applications' : 'rooms');
  counts.set(part, (counts.get(part) ?? 0) + count);
}
const { rooms = 0, applications: above = 0, ...methods } = Object.fromEntries(counts);
const median = lines[Math.floor(lines.length / 2)]?.count;

test(`what methods stand on is ${rooms} lines of source, at most ${budget.rooms}`, () => {
  expect(rooms).toBeLessThanOrEqual(budget.rooms);
});

test(`applications are ${above} lines of source, at most ${budget.applications}`, () => {
  expect(above).toBeLessThanOrEqual(budget.applications);
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
