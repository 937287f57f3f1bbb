import { conversation } from './conversation.ts';
import type { WorldRow } from './types.ts';

/** The texts of a row as somebody wrote them, without the marks of turns: what a tokenizer learns from. */
export function textsOf(row: WorldRow): string[] {
  if ('text' in row) return [row.text];
  if ('prompt' in row) return [row.prompt + row.completion];
  return row.messages.map(({ content }) => content);
}

/** What a model reads of a row, less the begin token. */
export function textOf(row: WorldRow): string {
  if (!('messages' in row)) return textsOf(row).join('');
  return conversation(row.messages).slice(0, -'<|assistant|>'.length);
}
