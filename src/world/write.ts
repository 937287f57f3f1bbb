import { join } from 'node:path';
import { type Random, randomFrom, silent, throwIfAborted, type Watch, writeFileAtomically } from '../base/index.ts';
import { hash } from './draw.ts';
import { analogyLines, entityNames } from './lists.ts';
import { forbiddenPair } from './skills/requests.ts';
import { textOf } from './text.ts';
import type { HeldOut } from './types.ts';
import { drawRow, type World } from './world.ts';

export interface WorldSize {
  /** Training ends with this row, or with the one that reaches so many tokens. */
  readonly rows?: number;
  readonly tokens?: number;
}

interface Sum {
  rows: number;
  tokens: number;
}
type Counts = Readonly<Sum>;

/** What a folder holds. */
export interface Written extends Counts {
  /** Training rows of each skill. */
  readonly skills: Readonly<Record<string, Counts>>;
  /** Held-out questions of each task. */
  readonly tasks: Readonly<Record<string, number>>;
}

const validRows = 1000;
const questionsOfTask = 300;
const mostDraws = 30 * questionsOfTask;
const forbiddenPairs = 1000;
const rowsBetweenReports = 1000;

/**
 * Fills a folder with a world: train.jsonl, valid.jsonl (other draws of the same), tasks/TASK.jsonl (held-out
 * questions, none twice), forbidden.jsonl (forbidden requests, refused and done), analogies.txt, entities.txt.
 * `countTokens` is the length of a text for a model. Rows are written as they are drawn.
 */
export async function writeWorld(
  folder: string,
  world: World,
  size: WorldSize,
  countTokens: (text: string) => number,
  watch: Watch = {},
): Promise<Written> {
  const stream = (name: string) => randomFrom(hash(`${world.seed} ${name}`));
  const write = (name: string, lines: Iterable<string>) => writeLines(join(folder, name), lines);
  const skills = Object.fromEntries(world.skills.map(({ name }) => [name, { rows: 0, tokens: 0 }]));
  await write('train.jsonl', trainingLines(world, stream('train'), size, countTokens, skills, watch));
  await write(
    'valid.jsonl',
    drawnLines(validRows, stream('valid'), (random) => drawRow(world, random).row),
  );
  await write('forbidden.jsonl', drawnLines(forbiddenPairs, stream('forbidden'), forbiddenPair));
  await write('analogies.txt', analogyLines(world, stream('analogies')));
  const isLong = (name: string) => countTokens(` ${name}`) - countTokens('') > 1;
  await write('entities.txt', entityNames(world).filter(isLong));
  const tasks: Record<string, number> = {};
  for (const { name, tasks: of } of world.skills) {
    for (const [task, ask] of Object.entries(of)) {
      const questions = differentQuestions(stream(`task ${task}`), ask);
      await write(
        join('tasks', `${task}.jsonl`),
        questions.map((question) => JSON.stringify({ ...question, skill: name })),
      );
      tasks[task] = questions.length;
    }
  }
  return { ...sumOf(skills), skills, tasks };
}

/** Rows of the mixture until they are enough; counts them in `skills`. */
function* trainingLines(
  world: World,
  random: Random,
  { rows = Infinity, tokens = Infinity }: WorldSize,
  countTokens: (text: string) => number,
  skills: Readonly<Record<string, Sum>>,
  { progress = silent, signal }: Watch,
): Generator<string> {
  const tell = (all: Counts) =>
    Number.isFinite(rows)
      ? progress.step('writing', all.rows, rows, 'rows')
      : progress.step('writing', Math.min(all.tokens, tokens), tokens, 'tokens');
  const all: Sum = { rows: 0, tokens: 0 };
  while (all.rows < rows && all.tokens < tokens) {
    if (all.rows % rowsBetweenReports === 0) {
      throwIfAborted(signal);
      tell(all);
    }
    const { skill, row } = drawRow(world, random);
    const length = countTokens(textOf(row));
    for (const sum of [skills[skill] as Sum, all]) {
      sum.rows++;
      sum.tokens += length;
    }
    yield JSON.stringify(row);
  }
  tell(all);
}

function sumOf(skills: Readonly<Record<string, Counts>>): Counts {
  const sum = (of: keyof Counts) => Object.values(skills).reduce((total, counts) => total + counts[of], 0);
  return { rows: sum('rows'), tokens: sum('tokens') };
}

function drawnLines(count: number, random: Random, draw: (random: Random) => object): string[] {
  return Array.from({ length: count }, () => JSON.stringify(draw(random)));
}

/** Questions with different prompts; fewer where a task does not have so many. */
function differentQuestions(random: Random, ask: (random: Random) => HeldOut): HeldOut[] {
  const found = new Map<string, HeldOut>();
  for (let i = 0; i < mostDraws && found.size < questionsOfTask; i++) {
    const question = ask(random);
    found.set(question.prompt, question);
  }
  return [...found.values()];
}

const charactersAtOnce = 2 ** 16;

async function writeLines(path: string, lines: Iterable<string>): Promise<void> {
  const utf8 = new TextEncoder();
  await writeFileAtomically(path, async (append) => {
    let waiting = '';
    for (const line of lines) {
      waiting += `${line}\n`;
      if (waiting.length < charactersAtOnce) continue;
      await append(utf8.encode(waiting));
      waiting = '';
    }
    await append(utf8.encode(waiting));
  });
}
