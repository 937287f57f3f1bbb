import { join } from 'node:path';
import { type Progress, type Random, randomFrom, silent, throwIfAborted, writeFileAtomically } from '../base/index.ts';
import { hash } from './draw.ts';
import { analogyLines, entityNames } from './lists.ts';
import { forbiddenPair } from './skills/requests.ts';
import { textOf } from './text.ts';
import type { HeldOut, Skill } from './types.ts';
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
const pairs = 1000;
const drawsOfQuestion = 30;

/**
 * Fills a folder with a world: train.jsonl, valid.jsonl (other draws of the same), tasks/TASK.jsonl (held-out
 * questions, none twice), forbidden.jsonl (forbidden requests, refused and done), analogies.txt, entities.txt.
 * `countTokens` is the length of a text for a model. Rows are written as they are drawn.
 */
export async function writeWorld(
  folder: string,
  world: World,
  { rows = Infinity, tokens = Infinity }: WorldSize,
  countTokens: (text: string) => number,
  { progress = silent, signal }: { readonly progress?: Progress; readonly signal?: AbortSignal } = {},
): Promise<Written> {
  const stream = (name: string) => randomFrom(hash(`${world.seed} ${name}`));
  const random = stream('train');
  const none = (): Sum => ({ rows: 0, tokens: 0 });
  const skills = Object.fromEntries(world.skills.map(({ name }) => [name, none()]));
  const all = none();
  const tell = () =>
    Number.isFinite(rows)
      ? progress.step('writing', all.rows, rows, 'rows')
      : progress.step('writing', Math.min(all.tokens, tokens), tokens, 'tokens');
  await writeLines(
    join(folder, 'train.jsonl'),
    (function* () {
      while (all.rows < rows && all.tokens < tokens) {
        const { skill, row } = drawRow(world, random);
        const length = countTokens(textOf(row));
        for (const sum of [skills[skill] as Sum, all]) {
          sum.rows++;
          sum.tokens += length;
        }
        if (all.rows % 1000 === 0) {
          throwIfAborted(signal);
          tell();
        }
        yield JSON.stringify(row);
      }
      tell();
    })(),
  );
  const json = (count: number, draw: (random: Random) => object, name: string): string[] => {
    const own = stream(name);
    return Array.from({ length: count }, () => JSON.stringify(draw(own)));
  };
  await writeLines(
    join(folder, 'valid.jsonl'),
    json(validRows, (own) => drawRow(world, own).row, 'valid'),
  );
  await writeLines(join(folder, 'forbidden.jsonl'), json(pairs, forbiddenPair, 'forbidden'));
  await writeLines(join(folder, 'analogies.txt'), analogyLines(world, stream('analogies')));
  await writeLines(
    join(folder, 'entities.txt'),
    entityNames(world).filter((name) => countTokens(` ${name}`) - countTokens('') > 1),
  );
  const asked: Record<string, number> = {};
  for (const { task, questions } of tasksOf(world.skills, stream('tasks'))) {
    await writeLines(join(folder, 'tasks', `${task}.jsonl`), questions);
    asked[task] = questions.length;
  }
  return { ...all, skills, tasks: asked };
}

/** Held-out questions as lines; a task that has fewer gives those that it has. */
function* tasksOf(skills: readonly Skill[], random: Random): Generator<{ task: string; questions: string[] }> {
  for (const { name, tasks } of skills) {
    for (const [task, ask] of Object.entries(tasks)) {
      const found = new Map<string, HeldOut>();
      for (let i = 0; i < drawsOfQuestion * questionsOfTask && found.size < questionsOfTask; i++) {
        const question = ask(random);
        found.set(question.prompt, question);
      }
      yield { task, questions: [...found.values()].map((question) => JSON.stringify({ ...question, skill: name })) };
    }
  }
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
