import { expect, test } from 'vitest';
import { productSources } from './project.ts';

const budget = { total: 25_000, file: 600, median: 150 };

const lines = [...productSources()]
  .filter(([path]) => !path.endsWith('_pb.ts') && !path.includes('/lexicon/')) // generated, and lists of words
  .map(([path, text]) => ({ path, count: text.split('\n').length - 1 }))
  .sort((a, b) => a.count - b.count);
const total = lines.reduce((sum, { count }) => sum + count, 0);
const median = lines[Math.floor(lines.length / 2)]?.count;

test(`the product is ${total} lines of source, at most ${budget.total}`, () => {
  expect(total).toBeLessThanOrEqual(budget.total);
});

test(`the median file has ${median} lines, at most ${budget.median}`, () => {
  expect(median).toBeLessThanOrEqual(budget.median);
});

test(`no file is above ${budget.file} lines`, () => {
  expect(lines.filter(({ count }) => count > budget.file)).toEqual([]);
});
