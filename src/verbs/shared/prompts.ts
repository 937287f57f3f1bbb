import { extname } from 'node:path';
import { CriaError } from '../../base/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

/** The ids of a message to the model, in its chat template. */
export function templated(tokenizer: Tokenizer, message: string, system: string | undefined): number[] {
  const messages = [{ role: 'user', content: message }];
  if (system !== undefined) messages.unshift({ role: 'system', content: system });
  return tokenizer.encodeChat(messages, { addGenerationPrompt: true });
}

/** What to continue: a text, ids, or several texts. */
export type Given = { readonly text: string } | { readonly ids: readonly number[] } | { readonly batch: string[] };

/** What the arguments of generate name. @throws CriaError when they name nothing or several things, or a file is not sound. */
export async function givenBy(
  prompt: string | undefined,
  { file, ids, batch }: { readonly [Name in 'file' | 'ids' | 'batch']: string | undefined },
): Promise<Given> {
  const given = Object.entries({ PROMPT: prompt, '--file': file, '--ids': ids, '--batch': batch }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(' and ');
    const remedy = 'pass one of PROMPT, --file FILE, --ids FILE and --batch FILE';
    throw new CriaError(`${names} cannot be combined`, { remedy });
  }
  if (batch !== undefined) return { batch: await promptsIn(batch) };
  if (ids !== undefined) return { ids: await idsIn(ids) };
  if (file !== undefined) return { text: (await data()).readText(file) };
  if (prompt === '-') return { text: await standardInput() };
  if (prompt !== undefined) return { text: prompt };
  throw new CriaError('a prompt is required', {
    remedy: 'pass PROMPT, - for standard input, --file, --ids or --batch FILE',
  });
}

const data = () => import('../../data/index.ts'); // a prompt that is an argument needs none of it

const longestInput = 256 * 2 ** 20; // bytes, as of a file

/** All of standard input. @throws CriaError when it is too long or not UTF-8. */
async function standardInput(): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > longestInput) throw new CriaError(`is longer than ${longestInput} bytes`, { where: 'standard input' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch (cause) {
    throw new CriaError('is not text in UTF-8', { where: 'standard input', cause });
  }
}

async function idsIn(path: string): Promise<number[]> {
  const value = (await data()).readJson(path);
  const ids = Array.isArray(value) ? value : (value as { ids?: unknown } | null)?.ids;
  if (Array.isArray(ids) && ids.every((id) => Number.isInteger(id))) return ids;
  throw new CriaError('is not a list of token ids', { where: path, remedy: 'write it as [1, 2, 3]' });
}

/**
 * The prompts in a file: a `.json` list of strings, the `prompt` of each row of a `.jsonl`, or the lines of any other
 * file that are not empty.
 */
async function promptsIn(path: string): Promise<string[]> {
  const { linesOf, readJson, readRows, textIn } = await data();
  const prompts: string[] = [];
  const ending = extname(path).toLowerCase();
  if (ending === '.json') prompts.push(...listOf(readJson(path), path));
  else if (ending === '.jsonl') for await (const row of readRows(path)) prompts.push(textIn(row, 'prompt'));
  else for await (const line of linesOf(path)) if (line !== '') prompts.push(line);
  if (prompts.length > 0) return prompts;
  throw new CriaError('holds no prompts', { where: path, remedy: 'write one a line' });
}

function listOf(list: unknown, path: string): string[] {
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw new CriaError('is not a list of prompts', { where: path, remedy: 'write it as ["…", "…"]' });
}
