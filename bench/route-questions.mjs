// Multiple-choice questions of cria-tiny's world for `cria route log`: node bench/route-questions.mjs WORLD OUT.jsonl
// WORLD is an output of `cria world`. Wrong choices are answers of the same skill, drawn by a seed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom } from '../dist/base/index.js';

const [world, out] = process.argv.slice(2);
const skills = 'facts analogies word-forms translation translation-unseen sums two-step-sums culture'.split(' ');
const longest = 160; // characters of a question and its answer: two of them are examples before a third in round 2
const choices = 4;

const random = randomFrom(1);
const below = (count) => Math.floor(random() * count);
const shuffled = (list) =>
  list
    .map((item) => [random(), item])
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
const rows = skills.flatMap((skill) => {
  const questions = readFileSync(join(world, 'tasks', `${skill}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map(JSON.parse)
    .filter(({ prompt, completion }) => prompt.length + completion.length <= longest);
  const answers = [...new Set(questions.map(({ completion }) => completion.trim()))];
  return questions.map(({ prompt, completion }) => {
    const chosen = new Set([completion.trim()]);
    while (chosen.size < Math.min(choices, answers.length)) chosen.add(answers[below(answers.length)]);
    return { prompt, choices: shuffled([...chosen]), answer: completion.trim() };
  });
});
writeFileSync(
  out,
  shuffled(rows)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join(''),
);
