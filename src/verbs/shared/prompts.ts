import { extname } from 'node:path';
import { CriaError } from '../../base/index.ts';
import { linesOf, readJson, readRows, textIn } from '../../data/index.ts';
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
  { ids, batch }: { readonly ids: string | undefined; readonly batch: string | undefined },
): Promise<Given> {
  const given = Object.entries({ PROMPT: prompt, '--ids': ids, '--batch': batch }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(' and ');
    throw new CriaError(`${names} are given together`, { remedy: 'give one of PROMPT, --ids FILE and --batch FILE' });
  }
  if (batch !== undefined) return { batch: await promptsIn(batch) };
  if (ids !== undefined) return { ids: idsIn(ids) };
  if (prompt !== undefined) return { text: prompt };
  throw new CriaError('there is no prompt', { remedy: 'give PROMPT, --ids FILE or --batch FILE' });
}

function idsIn(path: string): number[] {
  const value = readJson(path);
  const ids = Array.isArray(value) ? value : (value as { ids?: unknown } | null)?.ids;
  if (Array.isArray(ids) && ids.every((id) => Number.isInteger(id))) return ids;
  throw new CriaError('is not a list of token ids', { where: path, remedy: 'write it as [1, 2, 3]' });
}

/**
 * The prompts in a file: a `.json` list of strings, the `prompt` of each row of a `.jsonl`, or the lines of any other
 * file that are not empty.
 */
async function promptsIn(path: string): Promise<string[]> {
  const prompts: string[] = [];
  const ending = extname(path).toLowerCase();
  if (ending === '.json') prompts.push(...listIn(path));
  else if (ending === '.jsonl') for await (const row of readRows(path)) prompts.push(textIn(row, 'prompt'));
  else for await (const line of linesOf(path)) if (line !== '') prompts.push(line);
  if (prompts.length > 0) return prompts;
  throw new CriaError('holds no prompts', { where: path, remedy: 'write one a line' });
}

function listIn(path: string): string[] {
  const list = readJson(path);
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw new CriaError('is not a list of prompts', { where: path, remedy: 'write it as ["…", "…"]' });
}
