import { CriaError, commonLength } from '../base/index.ts';
import type { Conversation } from '../data/index.ts';
import type { ChatMessage, Tokenizer } from '../tokenizer/index.ts';

/**
 * The ids of a conversation in the model's chat template, and which of them the assistant says: what a turn adds to the
 * conversation before it and the beginning of an answer, up to the end of the turn. What follows the last answer is not
 * part of it. @throws CriaError, about the row, when the template refuses the conversation, rewrites earlier messages,
 * or does not read a key that has a value.
 */
export function encodedTurns(
  { messages, ...given }: Conversation,
  tokenizer: Tokenizer,
  where: string,
): { readonly ids: readonly number[]; readonly said: readonly boolean[] } {
  refuseUnread({ messages, ...given }, tokenizer, where);
  const encoded: Tokenizer['encodeChat'] = (some, options) => {
    try {
      return tokenizer.encodeChat(some, options);
    } catch (error) {
      throw error instanceof CriaError ? new CriaError(error.message, { where, cause: error }) : error;
    }
  };
  let ids: readonly number[] = [];
  const said: boolean[] = [];
  for (const [i, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const asked = encoded(messages.slice(0, i), { ...given, addGenerationPrompt: true });
    const answered = encoded(messages.slice(0, i + 1), given);
    if (commonLength(ids, answered) < ids.length) {
      throw new CriaError(
        'the chat template rewrites earlier messages, so the target tokens of each turn cannot be found',
        { where },
      );
    }
    const begin = Math.max(ids.length, commonLength(asked, answered));
    const last = answered.findLastIndex((id) => tokenizer.special.eos.includes(id)); // what a template puts behind it is never asked for
    const isAnswer = (k: number) => k >= begin && (last < begin || k <= last);
    for (let k = ids.length; k < answered.length; k++) said.push(isAnswer(k));
    ids = answered;
  }
  return { ids, said };
}

const reasoning = ['reasoning_content', 'thinking', 'reasoning']; // each stands for the others

/** Keys that a template may pass over: what they tell, the order of messages tells too. */
const linksOnly = ({ role }: ChatMessage, key: string): boolean =>
  key === 'role' || key === 'content' || key === 'tool_call_id' || (key === 'name' && role === 'tool');

/** @throws CriaError for a key with a value that no template names: it would be lost without a word. */
function refuseUnread({ messages, tools, documents }: Conversation, tokenizer: Tokenizer, where: string): void {
  const reads = (key: string) => (reasoning.includes(key) ? reasoning : [key]).some(tokenizer.templateNames);
  const keys = messages.flatMap((message) =>
    Object.entries(message).flatMap(([key, value]) => (isEmpty(value) || linksOnly(message, key) ? [] : [key])),
  );
  const given = [...(tools ? ['tools'] : []), ...(documents ? ['documents'] : []), ...keys];
  const unread = given.find((key) => !reads(key));
  if (unread === undefined) return;
  const remedy = 'remove it from the rows, or use a model whose template reads it';
  throw new CriaError(`the chat template does not read '${unread}'`, { where, remedy });
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
