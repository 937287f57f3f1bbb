import { normalised } from '../methods/ccpo/index.ts';
import { mean } from '../statistics/index.ts';

/** What one call of a model gave. */
export interface Reply {
  readonly model: string;
  readonly text: string;
  readonly answer: string;
  /** Log-probabilities of the answer's tokens; empty where they are not known. */
  readonly logprobs: readonly number[];
  /** The probability of the answer among the choices, where the model was asked by likelihood. */
  readonly confidence?: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly cost: number;
}

/** The guide's reply: its judgement of the base's answer, and its own answer. */
export interface GuideReply extends Reply {
  readonly judge: 'yes' | 'no';
  readonly pYes: number;
}

/** A round in which only the base has answered. */
export interface OpenRound {
  readonly base: Reply;
  readonly guide?: undefined;
}

export interface Round {
  readonly base: Reply;
  readonly guide: GuideReply;
}

const silentGuide = { judge: 'no', pYes: 0, answer: '', logprobs: [], confidence: 0 } as const;

/** Names of the numbers of an observation, for a horizon. (CCPO specification, section 3.1) */
export const featureNames = (horizon: number): string[] => [
  ...Array.from({ length: horizon }, (_, i) => `round ${i + 1}`),
  ...['judge', 'p yes', 'base mean logprob', 'base min logprob', 'guide mean logprob', 'guide min logprob'],
  ...[
    'base logprobs missing',
    'guide logprobs missing',
    'base confidence',
    'guide confidence',
    'agreement',
    'base repeats',
    'guide repeats',
  ],
  ...['distinct answers', 'guide tokens / 1000', 'question tokens / 100'],
];

/** What the policy sees after a round: the rounds so far, and the length of the question in tokens. */
export function observationOf(
  rounds: readonly (Round | OpenRound)[],
  horizon: number,
  questionTokens: number,
): number[] {
  const { base, guide = silentGuide } = rounds.at(-1) as Round | OpenRound;
  const before = rounds.at(-2);
  const same = (a: string | undefined, b: string) =>
    a !== undefined && normalised(a, 'em') === normalised(b, 'em') ? 1 : 0;
  const all = rounds.flatMap((round) => [round.base.answer, round.guide?.answer ?? round.base.answer]);
  return [
    ...Array.from({ length: horizon }, (_, i) => (i === rounds.length - 1 ? 1 : 0)),
    guide.judge === 'yes' ? 1 : 0,
    guide.pYes,
    ...[base, guide].flatMap(({ logprobs }) =>
      logprobs.length > 0 ? [mean(logprobs), Math.min(...logprobs)] : [0, 0],
    ),
    base.logprobs.length === 0 ? 1 : 0,
    guide.logprobs.length === 0 ? 1 : 0,
    base.confidence ?? 0,
    guide.confidence ?? 0,
    same(base.answer, guide.answer),
    same(before?.base.answer, base.answer),
    same(before?.guide?.answer, guide.answer),
    new Set(all.map((each) => normalised(each, 'em'))).size,
    rounds.reduce((sum, { guide }) => sum + (guide ? guide.tokensIn + guide.tokensOut : 0), 0) / 1000,
    questionTokens / 100,
  ];
}
