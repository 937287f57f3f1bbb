import type { Random } from '../../base/index.ts';
import { actionsOf, type Episode } from './episode.ts';

/** An index drawn by its probability; the last possible one when rounding leaves a rest. */
export function drawIndex(probabilities: ArrayLike<number>, random: Random): number {
  let [left, last] = [random(), 0];
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i] as number;
    if (probability <= 0) continue;
    last = i;
    left -= probability;
    if (left < 0) return i;
  }
  return last;
}

/** A way through a question: nodes and the actions taken there; the last action is an answer. */
export interface Walk {
  readonly nodes: readonly number[];
  readonly actions: readonly number[];
}

/** A way whose actions are drawn by probabilities [nodes, actions]. */
export function drawWalk(episode: Episode, probabilities: Float64Array, random: Random): Walk {
  const count = actionsOf(episode);
  const [nodes, actions]: [number[], number[]] = [[], []];
  for (let at = 0; at >= 0; ) {
    const action = drawIndex(probabilities.subarray(at * count, (at + 1) * count), random);
    nodes.push(at);
    actions.push(action);
    at = episode.nodes[at]?.children[action] ?? -1;
  }
  return { nodes, actions };
}
