import { actionsOf, type Episode, isAllowed, type Leaf } from './episode.ts';

/** What an empty set means: no answer, or the likeliest action after all (CCPO, section 3.12). */
export type EmptyRule = 'abstain' | 'argmax';
export const emptyRules: readonly EmptyRule[] = ['abstain', 'argmax'];

/** What a policy with a threshold makes of one question. */
export interface Outcome {
  readonly covered: boolean;
  /** Spend of the nodes that are visited. */
  readonly cost: number;
  /** The deepest round that is visited. */
  readonly rounds: number;
  /** Distinct normalised answers. */
  readonly setSize: number;
  /** The answers of the set, the one with the highest score first (ties: more votes, then the later action). */
  readonly answers: readonly ScoredLeaf[];
}

interface ScoredLeaf extends Leaf {
  readonly node: number;
  readonly action: number;
  readonly score: number;
}

/**
 * The score of every action [nodes, actions]: the least probability on the way to it and its own. With the rule
 * 'argmax' the likeliest action of a node counts as 1. An answer is in the set iff its score reaches kappa, a node is
 * visited iff that of the action which leads there does. Not allowed: -Infinity. (CCPO, sections 3.4 and 3.12)
 */
export function scoresOf(episode: Episode, pi: Float64Array, rule: EmptyRule): Float64Array {
  const actions = actionsOf(episode);
  const scores = new Float64Array(pi.length);
  for (const [i, node] of episode.nodes.entries()) {
    const reach = node.parent < 0 ? Infinity : (scores[node.parent * actions + node.edge] as number);
    const own = pi.subarray(i * actions, (i + 1) * actions);
    const best = rule === 'argmax' ? likeliest(own) : -1;
    for (let a = 0; a < actions; a++) {
      const probability = a === best ? 1 : (own[a] as number);
      scores[i * actions + a] = isAllowed(node, a) ? Math.min(reach, probability) : -Infinity;
    }
  }
  return scores;
}

const likeliest = (probabilities: Float64Array): number => probabilities.indexOf(Math.max(...probabilities));

/** kappa*: the question is covered iff kappa <= kappa*. Infinity when no answer is right. (CCPO, section 3.4) */
export function criticalThreshold(episode: Episode, scores: Float64Array): number {
  if (!episode.solvable) return Infinity;
  const actions = actionsOf(episode);
  let best = -Infinity;
  for (const [i, { leaves }] of episode.nodes.entries()) {
    for (let a = 0; a < actions; a++) if (leaves[a]?.right) best = Math.max(best, scores[i * actions + a] as number);
  }
  return best;
}

/** The set, its spend and its rounds at a threshold. The root is always visited. */
export function outcomeAt(episode: Episode, scores: Float64Array, kappa: number): Outcome {
  const actions = actionsOf(episode);
  const answers: ScoredLeaf[] = [];
  let [cost, rounds] = [0, 0];
  for (const [i, node] of episode.nodes.entries()) {
    const visited = node.parent < 0 || (scores[node.parent * actions + node.edge] as number) >= kappa;
    if (!visited) continue;
    cost += node.cost;
    rounds = Math.max(rounds, node.round);
    for (let a = 0; a < actions; a++) {
      const leaf = node.leaves[a];
      const score = scores[i * actions + a] as number;
      if (leaf && score >= kappa) answers.push({ ...leaf, node: i, action: a, score });
    }
  }
  const votes = new Map<string, number>();
  for (const { answer } of answers) votes.set(answer, (votes.get(answer) ?? 0) + 1);
  const votesOf = ({ answer }: Leaf) => votes.get(answer) ?? 0;
  answers.sort((a, b) => b.score - a.score || votesOf(b) - votesOf(a) || b.action - a.action);
  const covered = !episode.solvable || answers.some(({ right }) => right);
  return { covered, cost, rounds, setSize: votes.size, answers };
}
