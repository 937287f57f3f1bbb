import { CriaError } from '../../base/index.ts';
import { type AnswerType, isRight, normalised } from './answers.ts';
import { chain, type Episode, type Leaf, type Stage } from './episode.ts';

export const mostRounds = 64;
const mostNumbers = 4096; // of an observation

/** What baselines read of a round beside its observation. */
export interface RoundSignals {
  /** The guide's judgement of the base's answer. */
  readonly judge: 'yes' | 'no' | undefined;
  /** Minus the mean log-probability of the guide's answer. */
  readonly uncertainty: number | undefined;
}

/** One call by itself. */
export interface SingleCall {
  readonly leaf: Leaf;
  readonly cost: number;
}

/** What the rounds of a row are to policies and baselines. */
export interface QuestionRounds {
  readonly episode: Episode;
  /** The cheapest way: the first model's answer of round 1 and its spend alone. */
  readonly small: SingleCall;
  /** The same of the last model: the guide. */
  readonly large: SingleCall;
  /** By node. */
  readonly signals: readonly RoundSignals[];
}

export interface ReadQuestion extends QuestionRounds {
  readonly actions: readonly string[];
  readonly models: string;
}

interface Reading {
  readonly type: AnswerType;
  readonly gold: readonly string[];
  readonly ladder: boolean;
}

/** Tells a pair of models from others. */
export const modelsKey = (base: unknown, guide: unknown): string => JSON.stringify([base, guide]);

/** Reads rounds that hold base and guide. @throws CriaError, naming the round, when one is not whole. */
export function questionIn(qid: string, rounds: readonly unknown[], key: Reading, where: string): ReadQuestion {
  const read = rounds.map((round, i) => roundIn(round, `${where}: round ${i + 1}`, i + 1, key));
  const [first] = read as [ReadRound];
  return {
    episode: chain(
      qid,
      read.flatMap(({ stages }) => stages),
    ),
    ...{ small: first.small, large: first.large },
    signals: read.flatMap(({ signals }) => signals),
    actions: ['BASE', 'GUIDE', 'NEXT'],
    models: first.models,
  };
}

const leafOf = (answer: string, ok: unknown, type: AnswerType, gold: readonly string[]): Leaf => ({
  answer: normalised(answer, type),
  right: typeof ok === 'boolean' ? ok : isRight(answer, gold, type),
});

interface ReadRound {
  readonly stages: readonly Stage[];
  readonly small: SingleCall;
  readonly large: SingleCall;
  readonly signals: readonly RoundSignals[];
  readonly models: string;
}

function roundIn(given: unknown, where: string, round: number, key: Reading): ReadRound {
  const {
    base,
    guide,
    tool,
    obs,
    obs_base: obsBase,
    ok_base: okBase,
    ok_guide: okGuide,
  } = fieldsOf(given, 'round', where);
  const own = fieldsOf(base, 'base', where);
  const other = fieldsOf(guide, 'guide', where);
  const baseAnswer = textOf(own.answer, 'base', where);
  const agrees = other.judge === 'yes' && (other.answer === undefined || other.answer === null || other.answer === '');
  const guideAnswer = agrees ? baseAnswer : textOf(other.answer, 'guide', where);
  const leaves: [Leaf, Leaf] = [
    leafOf(baseAnswer, okBase, key.type, key.gold),
    leafOf(guideAnswer, okGuide, key.type, key.gold),
  ];
  const baseCost = costOf(own.cost, 'base', where);
  const toolCost = isFields(tool) && tool.cost !== undefined ? costOf(tool.cost, 'tool', where) : 0;
  const guideCost = costOf(other.cost, 'guide', where);
  const signals: RoundSignals = { judge: judgeOf(other.judge), uncertainty: uncertaintyOf(other.ans_logprobs) };
  const rest = {
    small: { leaf: leaves[0], cost: baseCost },
    large: { leaf: leaves[1], cost: guideCost },
    models: modelsKey(own.model, other.model),
  };
  const last = { round, obs: numbersIn(obs, 'obs', where), leaves };
  if (!key.ladder) return { ...rest, stages: [{ ...last, cost: baseCost + guideCost + toolCost }], signals: [signals] };
  const mean = own.mean_logprob;
  const alone: RoundSignals = { judge: undefined, uncertainty: typeof mean === 'number' ? -mean : undefined };
  return {
    ...rest,
    stages: [
      { round, obs: numbersIn(obsBase, 'obs_base', where), cost: baseCost + toolCost, leaves: [leaves[0], undefined] },
      { ...last, cost: guideCost },
    ],
    signals: [alone, signals],
  };
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fieldsOf(value: unknown, name: string, where: string): Fields {
  if (isFields(value)) return value;
  throw new CriaError(`has no ${name}`, { where, remedy: 'every round holds base and guide' });
}

function textOf(value: unknown, name: string, where: string): string {
  if (typeof value === 'string') return value;
  throw new CriaError(`has no answer of the ${name}`, { where, remedy: 'log both models in every round' });
}

function costOf(value: unknown, name: string, where: string): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
  const what = typeof value === 'number' ? `the cost of the ${name} is ${value}` : `has no cost of the ${name}`;
  throw new CriaError(what, { where, remedy: 'costs are numbers of 0 or more' });
}

function numbersIn(obs: unknown, name: string, where: string): readonly number[] {
  const fits = Array.isArray(obs) && obs.length > 0 && obs.length <= mostNumbers;
  if (fits && obs.every((each) => typeof each === 'number' && Number.isFinite(each))) return obs as number[];
  throw new CriaError(`${name} is not a list of numbers`, { where, remedy: `use 1 to ${mostNumbers} finite numbers` });
}

const judgeOf = (value: unknown): RoundSignals['judge'] => (value === 'yes' || value === 'no' ? value : undefined);

function uncertaintyOf(logprobs: unknown): number | undefined {
  if (!Array.isArray(logprobs) || logprobs.length === 0 || !logprobs.every(Number.isFinite)) return undefined;
  return -logprobs.reduce((sum: number, each: number) => sum + each, 0) / logprobs.length;
}
