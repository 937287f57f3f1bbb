import { normalised } from './answers.ts';
import { chain, type Leaf } from './episode.ts';
import { type PolicyFile, probabilitiesOf } from './policy-file.ts';
import { outcomeAt, scoresOf } from './sets.ts';

/** A point at which the policy decides: after a round or, on a ladder, after a call. */
export interface LiveStage {
  readonly round: number;
  readonly obs: readonly number[];
  /** Spent on coming here. */
  readonly cost: number;
  /** Of the base and, once it was called, of the guide. */
  readonly answers: readonly string[];
}

/** Rounds in which the policy decides once, or, on a ladder, twice. */
export const roundsOf = ({ T, ladder }: PolicyFile): number => (ladder ? T / 2 : T);

/** What the policy makes of the decisions so far. Answers come with the highest score first. */
export function decide(policy: PolicyFile, stages: readonly LiveStage[]) {
  const leaf = (answer: string): Leaf => ({ right: false, answer: normalised(answer, 'em') });
  const known = stages.map(({ round, obs, answers }) => ({
    ...{ round, obs, cost: 0 },
    leaves: [leaf(answers[0] as string), answers[1] === undefined ? undefined : leaf(answers[1])],
  }));
  const unseen = { obs: stages.at(-1)?.obs ?? [], cost: 0, leaves: [leaf(''), leaf('')] };
  const goesFurther = stages.length < policy.T;
  const episode = chain('', goesFurther ? [...known, unseen] : known); // with it NEXT is allowed
  const [flat] = probabilitiesOf(policy, [episode]) as [Float64Array];
  const scores = scoresOf(episode, flat, policy.empty_rule);
  const kappa = policy.kappa_hat ?? policy.kappa_online;
  const count = policy.actions.length;
  const inSet = (node: number, action: number) => (scores[node * count + action] as number) >= kappa;
  const found = outcomeAt(episode, scores, kappa).answers.filter(({ node }) => node < stages.length);
  const texts = found.map(({ node, action }) => stages[node]?.answers[action] as string);
  const nodes = [...stages.keys()];
  return {
    goesOn: goesFurther && inSet(stages.length - 1, count - 1),
    pi: nodes.map((node) => Array.from(flat.subarray(node * count, (node + 1) * count))),
    sets: nodes.map((node) => policy.actions.filter((_, action) => inSet(node, action))),
    answers: texts.filter((text, i) => found.findIndex(({ answer }) => answer === normalised(text, 'em')) === i),
    kappa,
  };
}

/** How many of the decisions that were run the policy would have come to. */
export function depthOf(policy: PolicyFile, stages: readonly LiveStage[]): number {
  const stop = stages.findIndex((_, i) => !decide(policy, stages.slice(0, i + 1)).goesOn);
  return stop < 0 ? stages.length : stop + 1;
}
