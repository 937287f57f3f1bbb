import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { productSources, root } from './project.ts';

/** Words of our own for things that the field has names for. */
const privateWords = /\b(lectures?|trainees?|learners?|trunk|steppers?|inTurn|stopWatch|learnPrompts|settled)\b/i;

test('sources and pages use the names of the field', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'log.md');
  const texts = [
    ...productSources(),
    ...pages.map((name) => [join('docs', name), readFileSync(join(root, 'docs', name), 'utf8')] as const),
  ];
  const found = texts.flatMap(([path, text]) =>
    text.split('\n').flatMap((line, i) => (privateWords.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});
