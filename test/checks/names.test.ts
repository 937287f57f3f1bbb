import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { productSources, root } from './project.ts';

/** Private words for things that the field has names for. */
const privateWords =
  /\b(lectures?|lessons?|trainees?|learners?|learnedTokens|trunk|steppers?|inTurn|stopWatch|learnPrompts|settled|parameterStore|normed|headNorms|turned(Query|Key)|blockKinds|chancesAt|fresh(Lora|Prompt|Prefix|Sizes|Model))\b/i;

/** A word of the field that only E3-Pruner uses in the sense of the field. */
const curriculum = /\bcurricul(um|a)\b/i;

/** File names that say less than the name of the field. */
const privateFiles =
  /\/(lesson|lecture|curriculum|learner|trainee|cached|turns|origin|unfinished|metadata-of|tokenizer\/merge)\.ts$/;

test('sources and pages use the names of the field', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'log.md');
  const texts = [
    ...productSources(),
    ...pages.map((name) => [join('docs', name), readFileSync(join(root, 'docs', name), 'utf8')] as const),
  ];
  const found = texts.flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        privateWords.test(line) || (curriculum.test(line) && !/e3-prune/.test(path))
          ? [`${path}:${i + 1} ${line.trim()}`]
          : [],
      ),
  );
  expect(found).toEqual([]);
});

test('source files have the names of the field', () => {
  expect([...productSources().keys()].filter((path) => privateFiles.test(path))).toEqual([]);
});
