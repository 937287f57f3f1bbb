import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError } from '../../base/index.ts';
import { type Row, readRows } from '../../data/index.ts';
import type { AnswerType } from './answers.ts';
import { mostRounds, type QuestionRounds, questionIn, type ReadQuestion } from './rounds.ts';

export type Split = 'train' | 'calib' | 'test';

/** A question of a log, as policies and baselines see it. */
export interface LoggedQuestion extends QuestionRounds {
  readonly split: Split;
}

/** A log of questions that were all run to the full horizon. */
export interface Log {
  /** The models whose answers may be given, then NEXT. */
  readonly actions: readonly string[];
  /** Names of the numbers of an observation. */
  readonly features: readonly string[];
  /** Whether every call is a decision of its own: the base answers, then the guide, then the next round. */
  readonly ladder: boolean;
  /** Decisions on the longest way: rounds, or calls on a ladder. */
  readonly horizon: number;
  readonly questions: readonly LoggedQuestion[];
  /** Rows that an endpoint cut short: they are left out. */
  readonly truncated: number;
  /** Tell apart the models and the prompts that made the log. */
  readonly modelsHash: string;
  readonly promptHash: string;
}

const mostRows = 1_000_000;

export interface ReadOptions {
  /** Divides rows without a split: three fifths for training, one for calibration, one for testing. */
  readonly seed: number;
  /** Splits every round into its calls, which needs `obs_base`: what is seen when only the base has answered. */
  readonly ladder?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a log: `trajectories.jsonl` or the folder that holds it.
 * @throws CriaError, naming the row, when it does not hold what training and calibration need.
 */
export async function readLog(path: string, { seed, ladder = false, signal }: ReadOptions): Promise<Log> {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const file = isFolder ? join(path, 'trajectories.jsonl') : path;
  const parsed: Parsed[] = [];
  const seen = new Set<string>();
  let [features, truncated]: [readonly string[] | undefined, number] = [undefined, 0];
  for await (const row of readRows(file)) {
    signal?.throwIfAborted();
    if (parsed.length >= mostRows) throw new CriaError(`has more than ${mostRows} rows`, { where: file });
    if (row.values.truncated === true) {
      truncated++;
      continue;
    }
    const question = parsedRow(row, seed, ladder);
    refuseUnlike(question, parsed[0], row.where);
    if (seen.has(question.episode.qid))
      throw new CriaError(`repeats the qid ${question.episode.qid}`, { where: row.where });
    seen.add(question.episode.qid);
    features ??= namesIn(row);
    parsed.push(question);
  }
  const [first] = parsed;
  if (!first) throw new CriaError('has no complete row', { where: file, remedy: 'make one with cria route log' });
  if (parsed.every(({ episode }) => episode.nodes.every(({ cost }) => cost === 0))) {
    const remedy = 'log the spend of base and guide; a free base is fine, a free guide is not';
    throw new CriaError('all costs are zero: there is nothing to save', { where: file, remedy });
  }
  const size = first.episode.nodes[0]?.obs.length ?? 0;
  return {
    actions: first.actions,
    ladder,
    features: features?.length === size ? features : Array.from({ length: size }, (_, i) => `obs[${i}]`),
    horizon: first.episode.nodes.length,
    questions: parsed,
    truncated,
    modelsHash: hashOf(parsed.map(({ models }) => models)),
    promptHash: hashOf(parsed.map(({ prompt }) => prompt)),
  };
}

/** The questions of one split. @throws CriaError when there is none. */
export function questionsOf({ questions }: Log, split: Split): LoggedQuestion[] {
  const own = questions.filter((question) => question.split === split);
  if (own.length > 0) return own;
  throw new CriaError(`the log has no rows with the split ${split}`, { remedy: 'log more questions, or mark some' });
}

interface Parsed extends LoggedQuestion, ReadQuestion {
  readonly prompt: string;
}

function parsedRow(row: Row, seed: number, ladder: boolean): Parsed {
  const { values, where } = row;
  const { qid } = values;
  if (typeof qid !== 'string' && typeof qid !== 'number') throw new CriaError('has no qid', { where });
  const type: AnswerType = values.answer_type === 'mc' ? 'mc' : 'em';
  const gold = Array.isArray(values.gold) ? values.gold.filter((each) => typeof each === 'string') : [];
  const rounds = values.rounds;
  if (!Array.isArray(rounds) || rounds.length === 0 || rounds.length > mostRounds) {
    throw new CriaError(`needs 1 to ${mostRounds} rounds`, { where, remedy: 'write them as "rounds": [{…}]' });
  }
  const split = readSplit(values.split, where) ?? drawnSplit(String(qid), seed);
  const prompt = typeof values.prompt_hash === 'string' ? values.prompt_hash : '';
  return { split, prompt, ...questionIn(String(qid), rounds, { type, gold, ladder }, where) };
}

/** What a row says of its split. @throws CriaError when that is none. */
export function readSplit(given: unknown, where: string): Split | undefined {
  if (given === 'train' || given === 'calib' || given === 'test') return given;
  if (given === undefined || given === null) return undefined;
  throw new CriaError(`its split is ${JSON.stringify(given)}`, { where, remedy: 'use train, calib or test' });
}

function drawnSplit(qid: string, seed: number): Split {
  const hash = createHash('sha256').update(`${seed} ${qid}`).digest().readUInt32BE(0) / 2 ** 32;
  return hash < 0.6 ? 'train' : hash < 0.8 ? 'calib' : 'test';
}

/** Every row has the rounds and the length of observation of the first. */
function refuseUnlike({ episode }: Parsed, first: Parsed | undefined, where: string): void {
  const size = (first?.episode ?? episode).nodes[0]?.obs.length;
  const other = episode.nodes.find(({ obs }) => obs.length !== size);
  if (other) {
    const what = `round ${other.round} has ${other.obs.length} numbers in obs instead of ${size}`;
    throw new CriaError(what, { where, remedy: 'log every round with the same features' });
  }
  const rounds = (first?.episode ?? episode).nodes.length;
  if (episode.nodes.length !== rounds) {
    const what = `has ${episode.nodes.length} rounds instead of ${rounds}`;
    throw new CriaError(what, { where, remedy: 'log to the full horizon, or mark the row "truncated": true' });
  }
}

function namesIn({ values }: Row): readonly string[] {
  return Array.isArray(values.features) && values.features.every((each) => typeof each === 'string')
    ? values.features
    : [];
}

/** A hash of the distinct texts, in any order. */
export const hashOf = (texts: readonly string[]): string =>
  createHash('sha256')
    .update([...new Set(texts)].sort().join('\n'))
    .digest('hex')
    .slice(0, 16);
