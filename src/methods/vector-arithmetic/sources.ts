import { CriaError, type Random } from '../../base/index.ts';
import { linesOf, readRows, textIn } from '../../data/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { wordIds } from './spelling.ts';
import { type Task, wordsOf } from './tasks.ts';

const mostFillerCharacters = 2_000_000;

/** The ids of a text file, or of rows {text}: natural filler. @throws CriaError when it cannot be read or is empty. */
export async function fillerFrom(path: string, tokenizer: Tokenizer): Promise<number[]> {
  let text = '';
  if (path.endsWith('.txt')) {
    for await (const line of linesOf(path)) {
      text += `${line}\n`;
      if (text.length > mostFillerCharacters) break;
    }
  } else {
    for await (const row of readRows(path)) {
      text += `${textIn(row, 'text')}\n`;
      if (text.length > mostFillerCharacters) break;
    }
  }
  const ids = tokenizer.encode(text, { special: false, parseSpecial: false });
  if (ids.length === 0) throw new CriaError('has no text', { where: path });
  return ids;
}

const drawn = 20_000;

/** Words of the vocabulary in random order: filler where there is no text. */
export function fillerFromVocabulary(tokenizer: Tokenizer, random: Random): number[] {
  const words: number[] = [];
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    if (/^[Ġ▁]\p{L}{2,}$/u.test(tokenizer.tokenOf(id))) words.push(id);
  }
  if (words.length === 0) {
    throw new CriaError('no token of the vocabulary is a word', { remedy: 'pass --filler with a text file' });
  }
  return Array.from({ length: drawn }, () => words[Math.floor(random() * words.length)] as number);
}

/** The ids of names: one a line of a file, or the words of the tasks. */
export async function entitiesFrom(
  path: string | undefined,
  tasks: readonly Task[],
  tokenizer: Tokenizer,
): Promise<number[][]> {
  const names = path === undefined ? tasks.flatMap(({ lines }) => wordsOf(lines)) : await linesIn(path);
  return [...new Set(names)].map((name) => wordIds(tokenizer, name));
}

/** The lines of a file that are not empty. @throws CriaError when there are none. */
export async function linesIn(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(path)) if (line.trim() !== '') lines.push(line.trim());
  if (lines.length === 0) throw new CriaError('has no lines', { where: path });
  return lines;
}
