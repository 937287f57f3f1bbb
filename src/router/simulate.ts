import { type Random, randomFrom } from '../base/index.ts';
import { drawIndex } from '../methods/ccpo/index.ts';
import { firstRight, type Preset, stagesOf } from './presets.ts';

/** A row of a log (specification, section 2), as the simulator writes it. */
export type TrajectoryRow = Readonly<Record<string, unknown>>;

/** Names of the numbers that a simulated observation has. */
function simulatedFeatures(preset: Preset): string[] {
  const rounds = Array.from({ length: stagesOf(preset) }, (_, i) => i + 1);
  return [
    ...rounds.map((round) => `${preset.ladder ? 'call' : 'round'} ${round}`),
    ...preset.contexts.map(({ name }) => name),
    ...(preset.judge ? rounds.map((round) => `judge ${round}`) : []),
    'lot', // uniform, one draw a question: where the optimum is a mixture, a threshold on it mixes
  ];
}

/** Splits by position: three fifths train, a fifth calib, a fifth test. */
const splitAt = (place: number, count: number): string => {
  if (place < 0.6 * count) return 'train';
  return place < 0.8 * count ? 'calib' : 'test';
};

/**
 * Draws rows of a log from a preset. With `permuted`, the answers of each question are those of another one, so that no
 * observation tells anything about them.
 */
export function simulatedRows(preset: Preset, count: number, seed: number, permuted = false): TrajectoryRow[] {
  const random = randomFrom(seed);
  const drawn = Array.from({ length: count }, () => drawQuestion(preset, random));
  const answers = permuted ? drawn.map((_, i) => drawn[(i + 1) % count] as Drawn) : drawn;
  return drawn.map((question, i) => rowOf(preset, question, answers[i] as Drawn, i, count));
}

interface Drawn {
  readonly context: number;
  readonly judges: readonly boolean[];
  readonly lot: number;
  /** By round: whether base and guide are right. */
  readonly right: readonly (readonly [base: boolean, guide: boolean])[];
  /** Noise in the guide's log-probabilities, which tell the context. */
  readonly noise: readonly number[];
}

function drawQuestion(preset: Preset, random: Random): Drawn {
  const context = drawIndex(
    preset.contexts.map(({ probability }) => probability),
    random,
  );
  const first = drawIndex(firstRight(preset.contexts[context] as Preset['contexts'][number]), random);
  const { judge = { right: 0, wrong: 0 } } = preset;
  const rounds = Array.from({ length: stagesOf(preset) }, (_, i) => i);
  const judges = rounds.map((round) => random() < (first <= round ? judge.right : judge.wrong));
  const right = rounds.map((round): [boolean, boolean] => {
    const base = random() < 0.6;
    if (round < first) return [false, false];
    if (judges[round]) return [true, true];
    return round === first ? [base, !base] : [base, base];
  });
  const byCall = rounds
    .filter((call) => call % 2 === 0)
    .map((call): [boolean, boolean] => [first <= call, first <= call + 1]);
  return { context, judges, lot: random(), right: preset.ladder ? byCall : right, noise: rounds.map(() => random()) };
}

const tokens = { tok_in: 0, tok_out: 0 };

function rowOf(preset: Preset, seen: Drawn, { right }: Drawn, index: number, count: number): TrajectoryRow {
  const rounds = right.map(([base, guide], i) => {
    const answers = [answerOf(base, index, i, 'base'), answerOf(guide, index, i, 'guide')];
    const agrees = seen.judges[i] === true && base === guide;
    const logprob = -(0.1 + 0.4 * seen.context + 0.2 * (seen.noise[i] as number));
    return {
      t: i + 1,
      base: { model: 'base', text: '', answer: answers[0], mean_logprob: logprob, ...tokens, cost: preset.base },
      guide: {
        ...{ model: 'guide', judge: seen.judges[i] ? 'yes' : 'no', p_yes: seen.judges[i] ? 0.9 : 0.1 },
        ...{ answer: agrees ? answers[0] : answers[1], ans_logprobs: [logprob], ...tokens, cost: preset.guide },
      },
      ...(preset.ladder
        ? { obs_base: observation(preset, seen, 2 * i), obs: observation(preset, seen, 2 * i + 1) }
        : { obs: observation(preset, seen, i) }),
      ok_base: base,
      ok_guide: guide,
    };
  });
  return {
    ...{ v: 1, qid: `q${index + 1}`, gold: [goldOf(index)], answer_type: 'em', prompt_hash: 'simulated' },
    split: splitAt(index, count),
    ...(index === 0 && { features: simulatedFeatures(preset) }),
    rounds,
    solvable: right.some((pair) => pair.some(Boolean)),
    truncated: false,
  };
}

const goldOf = (index: number): string => `right ${index + 1}`;
const answerOf = (right: boolean, index: number, round: number, by: string): string =>
  right ? goldOf(index) : `wrong ${by} ${round + 1}`;

function observation(preset: Preset, { context, judges, lot }: Drawn, round: number): number[] {
  const seenJudges = judges.map((yes, i) => (i > round ? 0 : yes ? 1 : -1));
  return [
    ...judges.map((_, i) => (i === round ? 1 : 0)),
    ...preset.contexts.map((_, i) => (i === context ? 1 : 0)),
    ...(preset.judge ? seenJudges : []),
    lot,
  ];
}
