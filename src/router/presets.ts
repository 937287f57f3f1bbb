import type { HistoryNode } from './optimum.ts';

/** A kind of question, which the policy sees. */
interface Context {
  readonly name: string;
  readonly probability: number;
  /** Probability that a right answer is among those of the rounds until this one. */
  readonly solvedBy: readonly number[];
}

/** A simulator: what is observed, what it costs and how often it is right, so that the optimum is known. */
export interface Preset {
  readonly summary: string;
  readonly contexts: readonly Context[];
  /** Every call is a decision: the base alone, then the guide, then the next round. `solvedBy` then counts calls. */
  readonly ladder?: boolean;
  /** Spend of base and guide in every round. */
  readonly base: number;
  readonly guide: number;
  /** How often the guide says yes when a right answer is among those so far, and when none is. */
  readonly judge?: { readonly right: number; readonly wrong: number };
}

export const presets: Readonly<Record<string, Preset>> = {
  'easy-hard': {
    summary: 'two visible kinds of questions, two rounds',
    contexts: [
      { name: 'easy', probability: 0.5, solvedBy: [0.95, 1] },
      { name: 'hard', probability: 0.5, solvedBy: [0.7, 1] },
    ],
    base: 0,
    guide: 1,
  },
  'noisy-judge': {
    summary: 'three kinds of questions, three rounds, and a guide whose judgement is often wrong',
    contexts: [
      { name: 'easy', probability: 0.4, solvedBy: [0.8, 0.93, 0.97] },
      { name: 'middling', probability: 0.35, solvedBy: [0.5, 0.8, 0.9] },
      { name: 'hopeless', probability: 0.25, solvedBy: [0.35, 0.4, 0.43] },
    ],
    base: 0.2,
    guide: 0.8,
    judge: { right: 0.85, wrong: 0.35 },
  },
  ladder: {
    summary: 'three kinds of questions, two rounds, and the guide is called only when the policy says so',
    contexts: [
      { name: 'easy', probability: 0.5, solvedBy: [0.92, 0.97, 0.98, 0.99] },
      { name: 'middling', probability: 0.3, solvedBy: [0.5, 0.9, 0.92, 0.97] },
      { name: 'hard', probability: 0.2, solvedBy: [0.15, 0.5, 0.55, 0.85] },
    ],
    base: 0.1,
    guide: 1,
    ladder: true,
  },
};

/** Decisions of a preset: rounds, or calls on a ladder. */
export const stagesOf = ({ contexts }: Preset): number => contexts[0]?.solvedBy.length ?? 0;

/** Spend on coming to a stage. */
const stageCost = ({ ladder, base, guide }: Preset, stage: number): number => {
  if (!ladder) return base + guide;
  return stage % 2 === 0 ? base : guide;
};

/** The probability that the first right answer comes in each round, and last that none ever does. */
export function firstRight({ solvedBy }: Context): number[] {
  const until = [0, ...solvedBy, 1];
  return until.slice(1).map((value, i) => value - (until[i] as number));
}

/** Everything that can be observed of a preset, with its probabilities. */
export function historiesOf(preset: Preset): HistoryNode[] {
  const rounds = stagesOf(preset);
  const { judge = { right: 1, wrong: 1 } } = preset;
  /** `weights[d]`: probability of the history so far together with a first right answer in round d. */
  const grow = (weights: readonly number[], round: number): HistoryNode[] => {
    if (round === rounds) return [];
    return [true, false].flatMap((yes): HistoryNode[] => {
      const seen = weights.map((weight, first) => {
        const says = first <= round ? judge.right : judge.wrong;
        return weight * (yes ? says : 1 - says);
      });
      const reach = seen.reduce((sum, weight) => sum + weight, 0);
      if (reach === 0) return [];
      const covered = seen.reduce((sum, weight, first) => sum + (first <= round || first === rounds ? weight : 0), 0);
      return [{ reach, covered, cost: stageCost(preset, round), children: grow(seen, round + 1) }];
    });
  };
  return preset.contexts.flatMap((context) =>
    grow(
      firstRight(context).map((each) => each * context.probability),
      0,
    ),
  );
}
