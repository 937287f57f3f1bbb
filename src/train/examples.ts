import { basename } from 'node:path';
import { CriaError, silent, throwIfAborted, type Watch } from '../base/index.ts';
import { type Columns, conversationFrom, gap, isAbsent, type Row, readRows, textIn } from '../data/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { encodedTurns } from './conversation.ts';

/** A text to learn from. */
export interface Example {
  readonly ids: readonly number[];
  /** Loss mask: whether a token is a target. Undefined if all are. */
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
 * The examples in a data file, and the forms of its rows: {messages} or {conversations} with their tools,
 * {prompt, completion} or {text}, mixed as they are; null and "" are no values. The whole of a .txt file is one text,
 * without special tokens; elsewhere a text and an answer end with the end-of-text token. Rows without anything to learn
 * are left out, and counted in a note.
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
    if (form === undefined) return undefined;
    const example = isWholeText ? wholeText(row, reading) : exampleOf(row, form, reading);
    if (!example || !isLearned(example)) return undefined;
    forms.add(form);
    return example;
  });
  return { forms, examples };
}

/** The example in one row; undefined where there is nothing to learn. @throws CriaError when it has none of the forms. */
export function exampleIn(row: Row, reading: Reading): Example | undefined {
  const form = formOf(row);
  const example = form && exampleOf(row, form, reading);
  return example && isLearned(example) ? example : undefined;
}

/** The pairs of answers in a file of rows {prompt, chosen, rejected}. @throws CriaError as readExamples. */
export async function readPairs(path: string, reading: Reading): Promise<Pair[]> {
  return collect(path, reading, (row) => {
    const { values } = row;
    if (['chosen', 'rejected'].some((column) => isEmptyColumn(values, column))) return undefined;
    const answered = (column: string) => completed(promptIn(row), textIn(row, column), reading);
    return { chosen: answered('chosen'), rejected: answered('rejected') };
  });
}

const mostTokens = 2 ** 28; // in memory
const rowsBetween = 100; // reports

async function collect<E extends Example | Pair>(
  path: string,
  { columns, progress = silent, signal }: Reading,
  read: (row: Row) => E | undefined,
): Promise<E[]> {
  const examples: E[] = [];
  let tokens = 0;
  let rows = 0;
  for await (const row of readRows(path, columns)) {
    throwIfAborted(signal);
    const example = read(row);
    if (rows++ % rowsBetween === 0) progress.step(`reading ${basename(path)}`, examples.length, undefined, 'rows');
    if (!example) continue;
    tokens += lengthOf(example);
    if (tokens > mostTokens) {
      throw new CriaError(`has more than ${mostTokens} tokens`, { where: path, remedy: 'split it' });
    }
    examples.push(example);
  }
  if (examples.length === 0) throw new CriaError('has no target tokens', { where: path });
  const without = rows - examples.length;
  if (without > 0)
    progress.note(`${without} of ${rows} rows of ${basename(path)} have no target tokens and are left out.`);
  return examples;
}

function lengthOf(example: Example | Pair): number {
  return 'ids' in example ? example.ids.length : example.chosen.ids.length + example.rejected.ids.length;
}

const isLearned = ({ ids, lossMask }: Example): boolean => (lossMask ? lossMask.some(Boolean) : ids.length > 0);

const columnsOfForms = ['messages', 'conversations', 'prompt', 'completion', 'text'];

/** The form of a row by the columns that have a value; undefined where they are there and none has one. */
function formOf({ values, where }: Row): Form | undefined {
  const has = (column: string) => !isAbsent(values[column]);
  if (has('messages') || has('conversations')) return 'messages';
  if (has('prompt') || has('completion')) return 'completion';
  if (has('text')) return 'text';
  if (columnsOfForms.some((column) => Object.hasOwn(values, column))) return undefined;
  const names = Object.keys(values).slice(0, 8).join(', ');
  throw new CriaError('has none of the columns messages, prompt and completion, or text', {
    where,
    remedy: `its columns are ${names || 'none'}: rename them with --columns prompt=question,completion=answer`,
  });
}

/** A column that is there without a value. */
const isEmptyColumn = (values: Row['values'], column: string): boolean =>
  Object.hasOwn(values, column) && isAbsent(values[column]);

/** A prompt, which may be an empty one. */
const promptIn = (row: Row): string => (isEmptyColumn(row.values, 'prompt') ? '' : textIn(row, 'prompt'));

function wholeText(row: Row, { tokenizer }: Reading): Example {
  return { ids: tokenizer.encode(textIn(row, 'text'), { special: false }), lossMask: undefined };
}

function exampleOf(row: Row, form: Form, reading: Reading): Example | undefined {
  const { tokenizer, trainOnPrompts } = reading;
  const { values, where } = row;
  if (form === 'messages') {
    const { ids, said } = encodedTurns(conversationFrom(values, where), tokenizer, where);
    return { ids, lossMask: trainOnPrompts ? said.map(() => true) : said };
  }
  if (form === 'completion') {
    return isEmptyColumn(values, 'completion')
      ? undefined
      : completed(promptIn(row), textIn(row, 'completion'), reading);
  }
  const ids = [...tokenizer.encode(textIn(row, 'text'), { continued: true }), ...end(tokenizer)];
  return { ids, lossMask: undefined };
}

/** A prompt without targets; the completion and the end token are targets. */
function completed(prompt: string, completion: string, { tokenizer, trainOnPrompts }: Reading): Example {
  const before = tokenizer.encode(prompt, { continued: true });
  const after = [...tokenizer.encode(gap(prompt, completion) + completion, { special: false }), ...end(tokenizer)];
  const lossMask = trainOnPrompts ? undefined : [...before.map(() => false), ...after.map(() => true)];
  return { ids: [...before, ...after], lossMask };
}

/** The token that ends a text, where the tokenizer has one. */
const end = ({ special }: Tokenizer): number[] => special.eos.slice(0, 1);
