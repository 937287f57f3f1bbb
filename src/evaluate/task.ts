import { CriaError, permutation, randomFrom } from '../base/index.ts';
import { type Columns, gap, isAbsent, type Row, readRows, textIn } from '../data/index.ts';

/** One question of a task. */
export interface Question {
  readonly prompt: string;
  /** The right answer. */
  readonly answer: string;
  /** What it is to be chosen from, where the task says. */
  readonly choices?: readonly string[];
  /** The file and the row, for messages. */
  readonly where: string;
}

/** A question as a model is asked it: behind its examples. */
export interface Asked extends Question {
  /** What the model reads before the answer. */
  readonly text: string;
}

const mostRows = 1_000_000;

/**
 * Reads a task: rows of {prompt, completion}, {input, output}, {question, choices, answer} or {prompt, choices, answer}.
 * An answer among choices is its text, its letter, or its index from 0. `prompt` is taken as it stands; `input` and
 * `question` are asked as `Q: …\nA:`.
 * @throws CriaError, about the file and the row, when one has another form.
 */
export async function readTask(path: string, columns?: Columns): Promise<Question[]> {
  const questions: Question[] = [];
  for await (const row of readRows(path, columns)) {
    if (questions.length === mostRows) {
      throw new CriaError(`has more than ${mostRows} rows`, { where: path, remedy: 'split it' });
    }
    questions.push(questionOf(row));
  }
  if (questions.length === 0) throw new CriaError('has no rows', { where: path });
  return questions;
}

function questionOf(row: Row): Question {
  const { values, where } = row;
  const name = ['prompt', 'question', 'input'].find((column) => !isAbsent(values[column]));
  if (!name) textIn(row, 'prompt');
  const given = textIn(row, name as string);
  const prompt = name === 'prompt' ? given : `Q: ${given}\nA:`;
  if (!isAbsent(values.choices)) {
    const choices = choicesOf(row);
    return { prompt, answer: answerAmong(choices, row), choices, where };
  }
  const column = ['completion', 'output', 'answer'].find((each) => !isAbsent(values[each])) ?? 'completion';
  return { prompt, answer: textIn(row, column), where };
}

function choicesOf({ values, where }: Row): readonly string[] {
  const { choices } = values;
  const isList = Array.isArray(choices) && choices.length > 1 && choices.every((each) => typeof each === 'string');
  if (isList) return choices;
  throw new CriaError('choices must be a list of at least two strings', { where });
}

function answerAmong(choices: readonly string[], { values, where }: Row): string {
  const { answer } = values;
  const index = typeof answer === 'string' ? indexOfAnswer(choices, answer) : answer;
  const found = typeof index === 'number' ? choices[index] : undefined;
  if (found !== undefined) return found;
  const remedy = `use the text, the letter (from A) or the index (from 0) of one of the ${choices.length} choices`;
  throw new CriaError(`the answer ${JSON.stringify(answer ?? null).slice(0, 60)} is not among the choices`, {
    where,
    remedy,
  });
}

function indexOfAnswer(choices: readonly string[], answer: string): number {
  const byText = choices.indexOf(answer);
  if (byText >= 0) return byText;
  if (/^[a-z]$/i.test(answer)) return answer.toLowerCase().charCodeAt(0) - 'a'.charCodeAt(0);
  return /^\d+$/.test(answer) ? Number(answer) : -1;
}

const mostChoices = 64;

/**
 * Gives questions without choices all answers of the task to choose from: labels, letters.
 * @throws CriaError when there is one answer, or more than 64.
 */
export function withChoices(questions: readonly Question[]): readonly Question[] {
  const open = questions.find(({ choices }) => !choices);
  if (!open) return questions;
  const answers = [...new Set(questions.map(({ answer }) => answer))];
  if (answers.length > 1 && answers.length <= mostChoices) {
    return questions.map((question) => ({ choices: answers, ...question }));
  }
  const remedy = 'use rows {question, choices, answer} or another --metric';
  const what = `has no choices, and the task has ${answers.length} different answers, where 2 to ${mostChoices} can serve as choices`;
  throw new CriaError(what, { where: open.where, remedy });
}

export interface Draw {
  /** Examples before each question, drawn from the task and not asked themselves. */
  readonly shots?: number;
  /** The most questions to ask: the first ones of the file that are no examples. */
  readonly limit?: number;
  readonly seed?: number;
}

/**
 * The questions to ask, each behind the same `shots` examples with their answers.
 * @throws CriaError when no question is left.
 */
export function asked(questions: readonly Question[], { shots = 0, limit = Infinity, seed = 0 }: Draw = {}): Asked[] {
  if (shots >= questions.length) {
    const remedy = `use at most ${questions.length - 1}`;
    throw new CriaError(`--shots ${shots} leaves no question of ${questions.length} rows`, { remedy });
  }
  const drawn = [...permutation(questions.length, randomFrom(seed)).subarray(0, shots)];
  const examples = drawn.map((i) => questions[i] as Question);
  const before = examples.map(({ prompt, answer }) => `${prompt}${gap(prompt, answer)}${answer}\n\n`).join('');
  const examplesAt = new Set(drawn);
  return questions
    .filter((_, i) => !examplesAt.has(i))
    .slice(0, limit)
    .map((question) => ({ ...question, text: before + question.prompt }));
}
