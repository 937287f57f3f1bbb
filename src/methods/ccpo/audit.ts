import { CriaError } from '../../base/index.ts';
import { readRows } from '../../data/index.ts';
import { clopperPearson, type Estimate } from '../../statistics/index.ts';
import { isRight } from './answers.ts';
import { refuseLevel } from './calibration.ts';
import { type Drift, driftOver, driftWatch } from './drift.ts';

export interface Audit {
  readonly rows: number;
  readonly audited: number;
  /** Share of the audited rows whose set misses an answer that some branch had; null without one. */
  readonly missRate: Estimate | null;
  readonly drift: Drift;
}

/**
 * What audited decisions say of the promise. A row is audited when it says so; it then carries `label`, whether its set
 * held a right answer, or the right answers themselves, and `solvable`. An unsolvable row is not a miss.
 * @throws CriaError when an audited row has no label.
 */
export async function auditDecisions(path: string, alpha: number): Promise<Audit> {
  refuseLevel(alpha);
  const missed: (boolean | undefined)[] = [];
  for await (const { values, where } of readRows(path)) missed.push(missIn(values, where));
  const known = missed.filter((each) => each !== undefined);
  const misses = known.filter(Boolean).length;
  return {
    rows: missed.length,
    audited: known.length,
    missRate: known.length > 0 ? { value: misses / known.length, ...clopperPearson(misses, known.length) } : null,
    drift: driftOver(missed, driftWatch(alpha)),
  };
}

function missIn(values: Readonly<Record<string, unknown>>, where: string): boolean | undefined {
  if (values.audited !== true) return undefined;
  const { label, solvable, answers } = values;
  if (solvable === false) return false;
  if (typeof label === 'boolean' || label === 0 || label === 1) return !label;
  const right = typeof label === 'string' ? [label] : label;
  if (!Array.isArray(right) || !right.every((each) => typeof each === 'string')) {
    throw new CriaError('is audited and has no label', {
      where,
      remedy: 'add "label": the right answer, or true or false',
    });
  }
  if (!Array.isArray(answers)) throw new CriaError('is audited and has no answers', { where });
  return !answers.some((answer) => isSame(textOf(answer), right));
}

const textOf = (answer: unknown): string => {
  const inner = typeof answer === 'object' && answer !== null ? (answer as { answer?: unknown }).answer : answer;
  return typeof inner === 'string' || typeof inner === 'number' ? String(inner) : '';
};

/** Equal as they stand (a letter of a multiple choice), or by exact match. */
const isSame = (answer: string, right: readonly string[]): boolean =>
  right.some((each) => answer !== '' && each.trim().toLowerCase() === answer.trim().toLowerCase()) ||
  isRight(answer, right, 'em');
