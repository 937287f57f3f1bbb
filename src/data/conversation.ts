import { CriaError, messageOf, parseExactly } from '../base/index.ts';
import { isAbsent } from './rows.ts';

/** Messages as a chat template takes them, and what goes with them. */
export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[];
  readonly documents?: readonly unknown[];
}

interface Message {
  readonly role: string;
  readonly content?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The conversation in a value of JSON: a list of messages {role, content, …}, or an object with `messages` or
 * `conversations` and maybe `system`, `tools` and `documents`. Messages {from, value}, as ShareGPT has them, are
 * renamed. `tools` and the messages may be JSON in a text.
 * @throws CriaError when it is something else.
 */
export function conversationFrom(value: unknown, where: string): Conversation {
  if (Array.isArray(value)) return { messages: messagesFrom(value, where) };
  if (!isObject(value)) throw notMessages(where);
  const messages = messagesFrom(isAbsent(value.messages) ? value.conversations : value.messages, where);
  const { system } = value;
  const begin = typeof system === 'string' && system !== '' ? [{ role: 'system', content: system }] : [];
  if (begin.length > 0 && messages[0]?.role === 'system') {
    throw new CriaError('has both a system column and a system message', { where, remedy: 'remove one of them' });
  }
  const [tools, documents] = [listFrom(value.tools, 'tools', where), listFrom(value.documents, 'documents', where)];
  return { messages: [...begin, ...messages], ...(tools && { tools }), ...(documents && { documents }) };
}

function messagesFrom(value: unknown, where: string): Message[] {
  const list = typeof value === 'string' ? parsed(value, 'messages', where) : value;
  if (!Array.isArray(list) || list.length === 0) throw notMessages(where);
  return list.map((each) => messageFrom(each, where));
}

function messageFrom(value: unknown, where: string): Message {
  if (!isObject(value)) throw notMessages(where);
  if (value.role === undefined && typeof value.from === 'string') return fromShareGpt(value, where);
  const { role, content, ...more } = value;
  const isText = content === undefined || content === null || typeof content === 'string' || Array.isArray(content);
  if (typeof role !== 'string' || !isText) throw notMessages(where);
  const present = Object.entries(more).filter(([, each]) => each !== null);
  const isEmpty = content === undefined || content === null;
  if (isEmpty && present.length === 0) throw notMessages(where);
  return { role, ...(!isEmpty && { content }), ...Object.fromEntries(present) };
}

/** Who speaks in ShareGPT's rows. */
const speakers: ReadonlyMap<string, string> = new Map([
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['assistant', 'assistant'],
  ['system', 'system'],
  ['tool', 'tool'],
  ['observation', 'tool'],
]);

function fromShareGpt({ from, value, ...more }: Json, where: string): Message {
  const role = speakers.get(String(from));
  if (role === undefined) {
    const remedy = `supported: ${[...speakers.keys()].join(', ')}`;
    throw new CriaError(`a message has the unknown speaker '${String(from)}' in 'from'`, { where, remedy });
  }
  if (typeof value !== 'string') throw new CriaError("a message has 'from' but no string 'value'", { where });
  return { role, content: value, ...more };
}

function listFrom(value: unknown, name: string, where: string): readonly unknown[] | undefined {
  if (isAbsent(value)) return undefined;
  const list = typeof value === 'string' ? parsed(value, name, where) : value;
  if (!Array.isArray(list) || !list.every(isObject))
    throw new CriaError(`${name} must be a list of objects`, { where });
  return list.length > 0 ? list : undefined;
}

function parsed(text: string, name: string, where: string): unknown {
  try {
    return parseExactly(text);
  } catch (error) {
    throw new CriaError(`${name} is a string that is not valid JSON: ${messageOf(error)}`, { where, cause: error });
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notMessages(where: string): CriaError {
  const remedy = 'write it as [{"role": "user", "content": "…"}, …]';
  return new CriaError('messages must be a list of objects with role and content', { where, remedy });
}
