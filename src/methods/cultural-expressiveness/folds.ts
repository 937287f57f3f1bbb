import { CriaError, groupBy } from '../../base/index.ts';
import type { Question } from './dataset.ts';
import type { Term } from './lexicon.ts';
import { questionKey } from './text.ts';

/** Ids of the questions of each fold. */
export type Folds = readonly (readonly string[])[];

/**
 * Parts questions into folds of equal size, questions of one topic side by side, so that what is trained on and what is
 * tested share as little as may be. Questions that differ in spelling alone stand in one fold.
 * @throws CriaError when there are fewer folds than 2, or more than different questions.
 */
export function foldsOf(questions: readonly Question[], topicOf: (question: Question) => string, count: number): Folds {
  const units = [...groupBy(questions, ({ text }) => questionKey(text)).values()];
  if (!Number.isInteger(count) || count < 2 || count > units.length) {
    const what = `${count} folds of ${units.length} different questions cannot be made`;
    throw new CriaError(what, { where: '--folds', remedy: `use 2 to ${units.length}` });
  }
  const topics = new Map(units.map((unit) => [unit, topicOf(unit[0] as Question)]));
  const ordered = units.toSorted((a, b) =>
    (topics.get(a) as string) < (topics.get(b) as string) ? -1 : topics.get(a) === topics.get(b) ? 0 : 1,
  );
  const folds: string[][] = [[]];
  let [left, open] = [questions.length, count];
  ordered.forEach((unit, i) => {
    const current = folds.at(-1) as string[];
    const isFull = current.length > 0 && current.length + unit.length / 2 > (current.length + left) / open;
    const isNeeded = ordered.length - i === count - folds.length; // every fold gets one unit at least
    if (folds.length < count && current.length > 0 && (isFull || isNeeded)) {
      folds.push([]);
      open--;
    }
    (folds.at(-1) as string[]).push(...unit.map(({ id }) => id));
    left -= unit.length;
  });
  return folds;
}

/** The topic of a question: as told, else the category that most of its keywords have. */
export function topicFrom(question: Question, keywords: Iterable<Term>): string {
  if (question.topic !== undefined) return question.topic;
  const counts = new Map<string, number>();
  for (const { category } of keywords) counts.set(category, (counts.get(category) ?? 0) + 1);
  counts.delete('place'); // nearly every answer names a country
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first?.[0] ?? 'other';
}
