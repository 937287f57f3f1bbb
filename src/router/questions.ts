import { CriaError, permutation, randomFrom } from '../base/index.ts';
import { gap, readRows } from '../data/index.ts';
import { readTask } from '../evaluate/index.ts';
import { type AnswerType, readSplit } from '../methods/ccpo/index.ts';
import type { AgentQuestion } from './agents.ts';

/** A labelled question to log. */
export interface LabelledQuestion extends AgentQuestion {
  readonly qid: string;
  readonly gold: readonly string[];
  readonly answerType: AnswerType;
  readonly split: string | undefined;
  /** What a model that is read by likelihood sees before the answer. */
  readonly prompt: string;
  readonly where: string;
}

const mostQuestions = 1_000_000;
const choicesDrawn = 4;

/**
 * Labelled questions: rows {qid, question, gold, answer_type, choices, split}, or a task in any form that `cria evaluate`
 * takes. @throws CriaError when a row is not one.
 */
export async function readQuestions(path: string): Promise<LabelledQuestion[]> {
  const questions: LabelledQuestion[] = [];
  const seen = new Set<string>();
  for await (const { values, where } of readRows(path)) {
    if (!('gold' in values)) return (await readTask(path)).map(fromTask);
    const { qid, question, gold, answer_type: type, choices, split } = values;
    if (typeof question !== 'string') throw new CriaError('has no question', { where });
    const right = typeof gold === 'string' ? [gold] : gold;
    if (!isTexts(right) || right.length === 0) throw new CriaError('gold is not a list of texts', { where });
    if (choices !== undefined && !(isTexts(choices) && choices.length > 0))
      throw new CriaError('choices is not a list of texts', { where });
    const id = String(qid ?? `q${questions.length + 1}`);
    if (seen.has(id)) throw new CriaError(`repeats the qid ${id}`, { where });
    seen.add(id);
    if (questions.length >= mostQuestions) throw new CriaError(`has more than ${mostQuestions} rows`, { where: path });
    questions.push({
      ...{ qid: id, question, gold: right, choices },
      answerType: type === 'mc' ? 'mc' : 'em',
      ...{ split: readSplit(split, where), prompt: `Q: ${question}\nA:`, where },
    });
  }
  if (questions.length === 0) throw new CriaError('has no questions', { where: path });
  return questions;
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

function fromTask(
  { prompt, answer, choices, where }: Awaited<ReturnType<typeof readTask>>[number],
  i: number,
): LabelledQuestion {
  const gold = [answer.trim()];
  return { qid: `q${i + 1}`, question: prompt, gold, choices, answerType: 'em', split: undefined, prompt, where };
}

/** The questions with choices where they have none: the right answer among those of other questions, in a drawn order. */
export function withDrawnChoices(questions: readonly LabelledQuestion[], seed: number): LabelledQuestion[] {
  const random = randomFrom(seed);
  const answers = [...new Set(questions.map(({ gold }) => gold[0] as string))];
  return questions.map((question) => {
    if (question.choices) return question;
    const chosen = new Set([question.gold[0] as string]);
    const most = Math.min(choicesDrawn, answers.length);
    while (chosen.size < most) chosen.add(answers[Math.floor(random() * answers.length)] as string);
    const list = [...chosen];
    return { ...question, choices: [...permutation(list.length, random)].map((i) => list[i] as string) };
  });
}

/** Questions apart from those that serve as examples: the last `count` of a drawn order, as one text. */
export function withExamples(questions: readonly LabelledQuestion[], count: number, seed: number) {
  if (count >= questions.length) {
    const what = `${count} examples leave none of ${questions.length} questions`;
    throw new CriaError(what, { remedy: 'use more questions or fewer --rounds' });
  }
  const order = permutation(questions.length, randomFrom(seed));
  const taken = new Set(order.slice(questions.length - count));
  return {
    asked: questions.filter((_, i) => !taken.has(i)),
    examples: [...taken].map((i) => {
      const { prompt, gold } = questions[i] as LabelledQuestion;
      return `${prompt}${gap(prompt, gold[0] as string)}${gold[0]}\n\n`;
    }),
  };
}
