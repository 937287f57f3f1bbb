import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { silent } from '../src/base/index.ts';
import { tour } from '../src/tour/index.ts';
import { temporaryFolder } from './hostile.ts';
import { shippedModel } from './shared.ts';

test('the tour shows every stop, and writes what there was to see', { timeout: 300_000 }, async () => {
  const report = join(temporaryFolder(), 'tour.html');
  const said: string[] = [];
  const result = await tour(shippedModel, {
    seed: 0,
    report,
    progress: silent,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
  });
  expect(existsSync(report)).toBe(true);
  const { document } = parseHTML(readFileSync(report, 'utf8'));
  const headings = [...document.querySelectorAll('h2')].map(({ textContent }) => textContent);
  expect(headings).toEqual([...result.steps.map(({ title }) => title), 'Where to go next']);
  const training = result.steps.find(({ name }) => name === 'training') as unknown as {
    readonly perplexityBefore: number;
    readonly perplexityAfter: number;
    readonly rows: readonly { readonly before: string; readonly after: string }[];
  };
  expect(training.perplexityAfter).toBeLessThan(training.perplexityBefore / 2);
  expect(training.rows.some(({ before, after }) => before !== after)).toBe(true);
  for (const { title } of result.steps) expect(said.join('\n')).toContain(title);
});
