import { CriaError, concatArrays, silent, throwIfAborted, type Watch } from '../base/index.ts';
import { gap } from '../data/index.ts';
import { argmax, type Forward } from '../model/index.ts';
import { mean, wilson } from '../statistics/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { forBatches, forLogits, logLikelihoods, type Predicted, type Read } from './likelihoods.ts';
import type { Asked } from './task.ts';

/** What was made of one question. */
export interface Outcome {
  readonly prompt: string;
  readonly expected: string;
  readonly got: string;
  readonly correct: boolean;
}

/** The share of right answers with Wilson's 95% interval. */
export interface Accuracy {
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
  readonly rows: readonly Outcome[];
}

/** A model that reads texts, and how it spells them. */
export interface Reader {
  readonly forward: Forward;
  readonly tokenizer: Tokenizer;
  /** The most tokens of a text. */
  readonly context: number;
}

/**
 * Multiple choice: the answer is the choice with the highest mean log-probability of its tokens after the prompt.
 * @throws CriaError when a question has no choices, or a text does not fit into the context.
 */
export async function choiceAccuracy(reader: Reader, questions: readonly Asked[], watch?: Watch): Promise<Accuracy> {
  const texts = questions.flatMap((question) =>
    choicesOf(question).map((choice) => answered(reader, question, choice)),
  );
  const likelihoods = await logLikelihoods(reader.forward, texts, watch);
  let end = 0;
  const got = questions.map((question) => {
    const choices = choicesOf(question);
    const begin = end;
    end += choices.length;
    const means = likelihoods.slice(begin, end).map(mean);
    return choices[means.indexOf(Math.max(...means))] as string;
  });
  return accuracyOf(questions, got);
}

function choicesOf({ choices, where }: Asked): readonly string[] {
  if (choices) return choices;
  throw new CriaError('has no choices', { where, remedy: 'use rows {question, choices, answer} or another --metric' });
}

/**
 * Teacher-forced accuracy: right when every token of the answer is the likeliest one given the prompt and the
 * answer's tokens before it, which is what greedy decoding would write. `got` is those likeliest tokens.
 * @throws CriaError when a text does not fit into the context.
 */
export async function tokenAccuracy(reader: Reader, questions: readonly Asked[], watch: Watch = {}): Promise<Accuracy> {
  const { forward, tokenizer } = reader;
  const texts = questions.map((question) => answered(reader, question, question.answer));
  const got: string[] = [];
  const right: boolean[] = [];
  await forBatches(forward, texts, watch, async (batch) => {
    const ids: number[] = [];
    const rows = concatArrays(batch.map(({ lastHidden }) => lastHidden));
    await forLogits(forward, rows, (batch[0] as Read).last.length, (_, logits) => ids.push(argmax(logits)));
    for (const { index, text } of batch) {
      const expected = text.ids.slice(text.from);
      const likeliest = ids.splice(0, expected.length);
      got[index] = tokenizer.decode(likeliest).trim();
      right[index] = likeliest.every((id, i) => id === expected[i]);
    }
  });
  return accuracyOf(questions, got, (i) => right[i] === true);
}

/**
 * Exact match: right when the first line that `generate` writes after the prompt is the answer, spaces at their ends
 * apart.
 */
export async function matchAccuracy(
  questions: readonly Asked[],
  generate: (prompt: string) => Promise<string>,
  { progress = silent, signal }: Watch = {},
): Promise<Accuracy> {
  const got: string[] = [];
  for (const [i, { text }] of questions.entries()) {
    throwIfAborted(signal);
    progress.step('answering', i, questions.length, 'questions');
    const written = await generate(text);
    throwIfAborted(signal); // it may have been cut off
    got.push(written.trim().split('\n', 1)[0]?.trim() ?? '');
  }
  progress.step('answering', questions.length, questions.length, 'questions');
  return accuracyOf(questions, got);
}

/**
 * A question with an answer, of which the answer's tokens are predicted: those from the first on that the prompt
 * alone does not have, since a tokenizer may join the prompt's end with the answer's beginning.
 */
export function answered({ tokenizer, context }: Reader, { text, where }: Asked, answer: string): Predicted {
  const before = tokenizer.encode(text, { continued: true });
  const ids = tokenizer.encode(text + gap(text, answer) + answer, { continued: true });
  if (ids.length > context) {
    const what = `the question and its answer have ${ids.length} tokens, more than the context of ${context}`;
    throw new CriaError(what, { where, remedy: 'remove the question, or use fewer --shots' });
  }
  let from = 0;
  while (from < before.length && before[from] === ids[from]) from++;
  if (from >= ids.length) throw new CriaError('an answer has no tokens', { where });
  return { ids, from: Math.max(1, from) };
}

function accuracyOf(
  questions: readonly Asked[],
  got: readonly string[],
  isRight = (i: number) => got[i]?.trim() === questions[i]?.answer.trim(),
): Accuracy {
  const rows = questions.map(({ prompt, answer }, i) => ({
    prompt,
    expected: answer,
    got: got[i] as string,
    correct: isRight(i),
  }));
  const right = rows.filter(({ correct }) => correct).length;
  return { accuracy: right / rows.length, ...wilson(right, rows.length), n: rows.length, rows };
}
