import { basename, extname } from 'node:path';
import { CriaError } from '../../base/index.ts';
import { linesOf, readRows, textIn } from '../../data/index.ts';
import { prefixFor } from './prefixes.ts';

/** One analogy: first is to second as third is to fourth; the third is asked for. `Athens Greece Beijing China` */
export type Line = readonly [first: string, second: string, third: string, fourth: string];

/** Analogies of one relation. */
export interface Task {
  readonly name: string;
  /** What stands before each of its words when a model reads it. */
  readonly prefix: string;
  readonly lines: readonly Line[];
}

/** A word and what it is to another: country and capital, in the order of a line's halves. */
export type Pair = readonly [string, string];

/** The fewest pairs of which one half can choose a layer and the other be asked. */
const fewestPairs = 4;

/**
 * Reads analogies. A text file has a line `first second third fourth` each, its words apart by tabs or spaces, in
 * groups titled `: name` (word2vec's questions-words) or under a title of its own; other lines are passed over. Rows
 * {input, output} give every ordered pair of their pairs, `output input output' input'` (Todd et al. 2024).
 * @throws CriaError when the file has another form, or a group has fewer than four pairs.
 */
export async function readTasks(path: string): Promise<Task[]> {
  const isRows = ['.json', '.jsonl', '.csv'].includes(extname(path).toLowerCase());
  const groups = isRows ? await ofPairs(path) : await ofLines(path);
  return [...groups].map(([name, lines]) => {
    const pairs = pairsOf(lines);
    if (pairs.length >= fewestPairs) return { name, prefix: prefixFor(name), lines };
    throw new CriaError(`has ${pairs.length} pairs of words, and ${fewestPairs} are needed`, {
      where: groups.size > 1 ? `${path}: ${name}` : path,
      remedy: 'use lines of four words, or rows {"input", "output"}',
    });
  });
}

/** The different pairs of a task's lines, in the order in which they come. */
export function pairsOf(lines: readonly Line[]): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const [a, b, c, d] of lines) {
    for (const pair of [[a, b] as const, [c, d] as const]) pairs.set(pairKey(pair), pair);
  }
  return [...pairs.values()];
}

export const pairKey = (pair: Pair): string => pair.join('\t');

/** The different words of lines, in the order in which they come. */
export function wordsOf(lines: readonly Line[]): string[] {
  return [...new Set(lines.flat())];
}

async function ofLines(path: string): Promise<Map<string, Line[]>> {
  const groups = new Map<string, Line[]>();
  let name = basename(path, extname(path));
  for await (const text of linesOf(path)) {
    if (text.startsWith(':')) {
      name = text.slice(1).trim();
      continue;
    }
    const words = (text.includes('\t') ? text.split('\t') : text.split(/ +/)).map((word) => word.trim());
    if (words.length !== 4 || words.includes('')) continue; // a title, an empty line
    const lines = groups.get(name) ?? [];
    lines.push(words as unknown as Line);
    groups.set(name, lines);
  }
  if (groups.size === 0) throw new CriaError('has no lines of four words', { where: path });
  return groups;
}

const mostPairs = 50; // of each file: 2,450 lines (Todd et al. 2024)

async function ofPairs(path: string): Promise<Map<string, Line[]>> {
  const pairs: Pair[] = [];
  for await (const row of readRows(path)) {
    const pair = [textIn(row, 'output').trim(), textIn(row, 'input').trim()] as const;
    if (pairs.length < mostPairs && !pair.includes('')) pairs.push(pair);
  }
  const lines = pairs.flatMap((one) =>
    pairs.map((other): Line => [...one, ...other]).filter((line) => new Set(line).size === 4),
  );
  return new Map([[basename(path, extname(path)), lines]]);
}
