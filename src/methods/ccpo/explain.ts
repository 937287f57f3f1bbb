import { permutation, randomFrom } from '../../base/index.ts';
import { mean } from '../../statistics/index.ts';
import { scored, serviceOf } from './evaluate.ts';
import { costsAtCoverage, curveOf, operatingAt, profileOf } from './measure.ts';
import { type PolicyFile, refuseOtherShape } from './policy-file.ts';
import { outcomeAt } from './sets.ts';
import { type Log, type LoggedQuestion, questionsOf } from './trajectories.ts';

/** The questions that go equally deep. */
export interface DepthGroup {
  readonly rounds: number;
  readonly n: number;
  readonly share: number;
  readonly coverage: number;
  readonly cost: number;
  /** By feature: the group's mean at the last round that it sees, in deviations of the training questions. */
  readonly features: Readonly<Record<string, number>>;
}

/** What a feature is worth: the cost at the same coverage when it is shuffled among the questions. */
export interface FeatureWorth {
  readonly name: string;
  readonly costWithout: number | null;
  /** Relative to the cost with it; null where the coverage is not reached without it. */
  readonly rise: number | null;
}

export interface Explanation {
  readonly kappa: number;
  readonly cost: number;
  readonly coverage: number;
  readonly depths: readonly DepthGroup[];
  readonly features: readonly FeatureWorth[];
}

/** Where the test questions go and which numbers of the observation send them there. */
export function explainPolicy(policy: PolicyFile, log: Log, seed: number): Explanation {
  refuseOtherShape(policy, log);
  const test = questionsOf(log, 'test');
  const { kappa } = serviceOf(policy, log);
  const questions = scored(policy, test);
  const outcomes = questions.map(({ episode, scores }) => outcomeAt(episode, scores, kappa));
  const now = operatingAt(
    questions.map(({ episode, scores }) => profileOf(episode, scores)),
    kappa,
  );
  const deepest = [...new Set(outcomes.map(({ rounds }) => rounds))].sort((a, b) => a - b);
  const depths = deepest.map((rounds): DepthGroup => {
    const members = outcomes.flatMap((outcome, i) => (outcome.rounds === rounds ? [i] : []));
    const meanOf = (value: (i: number) => number) => members.reduce((sum, i) => sum + value(i), 0) / members.length;
    const scaled = (i: number, feature: number) => {
      const { mean, std } = policy.features[feature] as PolicyFile['features'][number];
      const node = test[i]?.episode.nodes.findLast((each) => each.round === rounds);
      return ((node?.obs[feature] as number) - mean) / std;
    };
    return {
      rounds,
      n: members.length,
      share: members.length / test.length,
      coverage: meanOf((i) => (outcomes[i]?.covered ? 1 : 0)),
      cost: meanOf((i) => outcomes[i]?.cost as number),
      features: Object.fromEntries(policy.features.map(({ name }, f) => [name, meanOf((i) => scaled(i, f))])),
    };
  });
  return { kappa, ...now, depths, features: worthOf(policy, test, now, seed) };
}

function worthOf(
  policy: PolicyFile,
  test: readonly LoggedQuestion[],
  now: { readonly cost: number; readonly coverage: number },
  seed: number,
): FeatureWorth[] {
  return policy.features
    .map(({ name }, feature): FeatureWorth => {
      const order = permutation(test.length, randomFrom(seed + feature));
      const shuffled = test.map((question, i) => ({
        ...question,
        episode: {
          ...question.episode,
          nodes: question.episode.nodes.map((node, t) => ({
            ...node,
            obs: node.obs.with(feature, test[order[i] as number]?.episode.nodes[t]?.obs[feature] as number),
          })),
        },
      }));
      const profiles = scored(policy, shuffled).map(({ episode, scores }) => profileOf(episode, scores));
      const costs = costsAtCoverage(profiles, curveOf(profiles), now.coverage);
      const costWithout = costs && mean(costs);
      return { name, costWithout, rise: costWithout === null ? null : costWithout / now.cost - 1 };
    })
    .sort((a, b) => (b.rise ?? Infinity) - (a.rise ?? Infinity));
}

/** The way of one question through the policy. */
export interface QuestionPath {
  readonly qid: string;
  readonly answers: readonly { readonly answer: string; readonly score: number; readonly right: boolean }[];
  readonly rounds: readonly {
    readonly round: number;
    readonly visited: boolean;
    /** By action, where it is allowed. */
    readonly pi: Readonly<Record<string, number>>;
    readonly set: readonly string[];
    readonly features: Readonly<Record<string, number>>;
  }[];
}

/** What the policy sees and does on one question; undefined when the log does not hold it. */
export function explainQuestion(policy: PolicyFile, log: Log, qid: string): QuestionPath | undefined {
  const question = log.questions.find(({ episode }) => episode.qid === qid);
  if (!question) return undefined;
  const { kappa } = serviceOf(policy, log);
  const [only] = scored(policy, [question]);
  if (!only) return undefined;
  const { episode, pi, scores } = only;
  const outcome = outcomeAt(episode, scores, kappa);
  const count = policy.actions.length;
  return {
    qid,
    answers: outcome.answers.map(({ answer, score, right }) => ({ answer, score, right })),
    rounds: episode.nodes.map(({ round, obs, parent, edge }, i) => {
      const allowed = policy.actions.flatMap((name, a) =>
        Number.isFinite(scores[i * count + a]) ? [{ name, a }] : [],
      );
      return {
        round,
        visited: parent < 0 || (scores[parent * count + edge] as number) >= kappa,
        pi: Object.fromEntries(allowed.map(({ name, a }) => [name, pi[i * count + a] as number])),
        set: allowed.filter(({ a }) => (scores[i * count + a] as number) >= kappa).map(({ name }) => name),
        features: Object.fromEntries(policy.features.map(({ name }, f) => [name, obs[f] as number])),
      };
    }),
  };
}
