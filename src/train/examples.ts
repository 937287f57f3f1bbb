import { basename } from 'node:path';
import { CriaError, commonLength, silent, throwIfAborted, type Watch } from '../base/index.ts';
import { type Columns, type Row, readRows, textIn } from '../data/index.ts';
import { gap } from '../evaluate/index.ts';
import type { ChatMessage, Tokenizer } from '../tokenizer/index.ts';

/** A text to learn from. */
export interface Example {
  readonly ids: readonly number[];
  /** Whether a token is learned: predicted from those before it. Undefined where all are. */
  readonly lossMask: readonly boolean[] | undefined;
}

/** Two answers to a prompt, of which the first is preferred. */
export interface Pair {
  readonly chosen: Example;
  readonly rejected: Example;
  /** Log-probability of the chosen answer minus that of the rejected one, by a reference; undefined where not known. */
  readonly margin?: number;
}

export interface Reading extends Watch {
  readonly tokenizer: Tokenizer;
  readonly columns?: Columns;
  /** Learn prompts and questions too, not only answers. */
  readonly trainOnPrompts?: boolean;
}

/** The forms that rows have. */
export type Form = 'messages' | 'completion' | 'text';

/**
 * The examples in a data file, and the forms of its rows: {messages}, {prompt, completion} or {text}, mixed as they
 * are. The whole of a .txt file is one text, without special tokens; elsewhere a text and an answer end with the
 * end-of-text token.
 * @throws CriaError, about the file and the row, when it is empty, a row has another form, or it is too long.
 */
export async function readExamples(
  path: string,
  reading: Reading,
): Promise<{ readonly forms: ReadonlySet<Form>; readonly examples: readonly Example[] }> {
  const forms = new Set<Form>();
  const isWholeText = path.toLowerCase().endsWith('.txt');
  const examples = await collect(path, reading, (row) => {
    const form = formOf(row);
    forms.add(form);
    if (!isWholeText) return exampleOf(row, form, reading);
    return { ids: reading.tokenizer.encode(textIn(row, 'text'), { special: false }), lossMask: undefined };
  });
  return { forms, examples };
}

/** The pairs of answers in a file of rows {prompt, chosen, rejected}. @throws CriaError as readExamples. */
export async function readPairs(path: string, reading: Reading): Promise<Pair[]> {
  return collect(path, reading, (row) => {
    const prompt = textIn(row, 'prompt');
    const answered = (column: string) => completed(prompt, textIn(row, column), reading);
    return { chosen: answered('chosen'), rejected: answered('rejected') };
  });
}

const mostTokens = 2 ** 28; // in memory
const rowsBetween = 100; // reports

async function collect<E extends Example | Pair>(
  path: string,
  { columns, progress = silent, signal }: Reading,
  read: (row: Row) => E,
): Promise<E[]> {
  const examples: E[] = [];
  let tokens = 0;
  for await (const row of readRows(path, columns)) {
    throwIfAborted(signal);
    const example = read(row);
    if (examples.length % rowsBetween === 0)
      progress.step(`reading ${basename(path)}`, examples.length, undefined, 'rows');
    tokens += lengthOf(example);
    if (tokens > mostTokens) {
      throw new CriaError(`has more than ${mostTokens} tokens`, { where: path, remedy: 'split it' });
    }
    if (lengthOf(example) > 0) examples.push(example);
  }
  if (examples.length === 0) throw new CriaError('holds nothing to learn from', { where: path });
  return examples;
}

function lengthOf(example: Example | Pair): number {
  return 'ids' in example ? example.ids.length : example.chosen.ids.length + example.rejected.ids.length;
}

function formOf(row: Row): Form {
  const { messages, prompt, completion, text } = row.values;
  if (messages !== undefined) return 'messages';
  if (prompt !== undefined || completion !== undefined) return 'completion';
  if (text !== undefined) return 'text';
  const has = Object.keys(row.values).slice(0, 8).join(', ');
  throw new CriaError('has none of the columns messages, prompt and completion, or text', {
    where: row.where,
    remedy: `its columns are ${has || 'none'}: rename them with --columns prompt=question,completion=answer`,
  });
}

function exampleOf(row: Row, form: Form, reading: Reading): Example {
  const { tokenizer } = reading;
  if (form === 'messages') return conversation(messagesIn(row), reading, row.where);
  if (form === 'completion') return completed(textIn(row, 'prompt'), textIn(row, 'completion'), reading);
  return { ids: [...tokenizer.encode(textIn(row, 'text')), ...end(tokenizer)], lossMask: undefined };
}

/** A prompt that is read, and a completion and the end of the text that are lossMask. */
function completed(prompt: string, completion: string, { tokenizer, trainOnPrompts }: Reading): Example {
  const before = tokenizer.encode(prompt);
  const after = [...tokenizer.encode(gap(prompt, completion) + completion, { special: false }), ...end(tokenizer)];
  const lossMask = trainOnPrompts ? undefined : [...before.map(() => false), ...after.map(() => true)];
  return { ids: [...before, ...after], lossMask: lossMask };
}

/**
 * A conversation in the model's chat template, of which the assistant's turns are learned: what a turn adds to the
 * conversation before it and the start of an answer.
 */
function conversation(
  messages: readonly ChatMessage[],
  { tokenizer, trainOnPrompts }: Reading,
  where: string,
): Example {
  const encoded: Tokenizer['encodeChat'] = (some, options) => {
    try {
      return tokenizer.encodeChat(some, options);
    } catch (error) {
      throw error instanceof CriaError ? new CriaError(error.message, { where, cause: error }) : error;
    }
  };
  let ids: readonly number[] = [];
  const lossMask: boolean[] = [];
  for (const [i, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const asked = encoded(messages.slice(0, i), { addGenerationPrompt: true });
    const answered = encoded(messages.slice(0, i + 1));
    if (commonLength(ids, answered) < ids.length) {
      throw new CriaError('the chat template rewrites earlier messages, so that turns cannot be told apart', { where });
    }
    const begin = Math.max(ids.length, commonLength(asked, answered));
    const last = answered.findLastIndex((id) => tokenizer.special.eos.includes(id)); // what a template puts behind it is never asked for
    const isAnswer = (k: number) => k >= begin && (last < begin || k <= last);
    for (let k = ids.length; k < answered.length; k++) lossMask.push(trainOnPrompts === true || isAnswer(k));
    ids = answered;
  }
  return { ids, lossMask: lossMask };
}

function messagesIn({ values, where }: Row): readonly ChatMessage[] {
  const { messages } = values;
  const isMessage = (each: unknown): each is ChatMessage => {
    const { role, content } = (each ?? {}) as Partial<Record<string, unknown>>;
    return typeof role === 'string' && typeof content === 'string';
  };
  if (!Array.isArray(messages) || !messages.every(isMessage)) {
    const remedy = 'write it as [{"role": "user", "content": "…"}, …]';
    throw new CriaError('its messages are not a list of roles and contents', { where, remedy });
  }
  if (!messages.some(({ role }) => role === 'assistant')) {
    throw new CriaError('its messages have no answer of the assistant to learn', { where });
  }
  return messages;
}

/** The token that ends a text, where the tokenizer has one. */
const end = ({ special }: Tokenizer): number[] => special.eos.slice(0, 1);
