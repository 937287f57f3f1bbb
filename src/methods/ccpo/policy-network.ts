import { actionsOf, type Episode, isAllowed } from './episode.ts';
import { type Activations, forward, type Network } from './network.ts';

/** How the numbers of an observation are scaled: (obs - mean) / std. */
export interface Scaling {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The scaling that gives the observations of these questions mean 0 and deviation 1; constant features keep 1. */
export function scalingOf(episodes: readonly Episode[]): Scaling {
  const rows = episodes.flatMap(({ nodes }) => nodes.map(({ obs }) => obs));
  const size = rows[0]?.length ?? 0;
  const mean = Array.from(
    { length: size },
    (_, i) => rows.reduce((sum, obs) => sum + (obs[i] as number), 0) / rows.length,
  );
  const std = mean.map((center, i) => {
    const variance = rows.reduce((sum, obs) => sum + ((obs[i] as number) - center) ** 2, 0) / rows.length;
    return variance > 1e-18 * Math.max(1, center * center) ? Math.sqrt(variance) : 1;
  });
  return { mean, std };
}

/** The scaled observations of episodes, node after node: [nodes, features]. */
export function inputsOf(episodes: readonly Episode[], { mean, std }: Scaling): Float64Array {
  const nodes = episodes.flatMap((episode) => episode.nodes);
  const inputs = new Float64Array(nodes.length * mean.length);
  for (const [row, { obs }] of nodes.entries()) {
    for (const [i, center] of mean.entries()) {
      inputs[row * mean.length + i] = ((obs[i] as number) - center) / (std[i] as number);
    }
  }
  return inputs;
}

/** The action probabilities of a batch, with what the way back needs. */
export interface BatchPolicy {
  readonly activations: Activations;
  /** By episode: [nodes, actions]. */
  readonly pi: readonly Float64Array[];
}

/** Runs the network on a batch: softmax over the allowed actions of each node. */
export function policyOf(network: Network, episodes: readonly Episode[], inputs: Float64Array): BatchPolicy {
  const rows = episodes.reduce((sum, { nodes }) => sum + nodes.length, 0);
  const activations = forward(network, inputs, rows);
  const logits = activations.layers.at(-1) as Float64Array;
  let row = 0;
  const pi = episodes.map((episode) => {
    const actions = actionsOf(episode);
    const from = row * actions;
    row += episode.nodes.length;
    return softmaxed(episode, logits.subarray(from, row * actions));
  });
  return { activations, pi };
}

function softmaxed(episode: Episode, logits: Float64Array): Float64Array {
  const actions = actionsOf(episode);
  const pi = new Float64Array(logits.length);
  for (const [i, node] of episode.nodes.entries()) {
    const from = i * actions;
    let largest = -Infinity;
    for (let a = 0; a < actions; a++) if (isAllowed(node, a)) largest = Math.max(largest, logits[from + a] as number);
    let sum = 0;
    for (let a = 0; a < actions; a++) {
      if (!isAllowed(node, a)) continue;
      const each = Math.exp((logits[from + a] as number) - largest);
      pi[from + a] = each;
      sum += each;
    }
    for (let a = 0; a < actions; a++) pi[from + a] = (pi[from + a] as number) / sum;
  }
  return pi;
}

/** The gradient by the logits, given that by the probabilities of one episode, written from `offset` on. */
export function throughSoftmax(
  pi: Float64Array,
  byPi: Float64Array,
  actions: number,
  into: Float64Array,
  offset: number,
) {
  for (let from = 0; from < pi.length; from += actions) {
    let mean = 0;
    for (let a = 0; a < actions; a++) mean += (pi[from + a] as number) * (byPi[from + a] as number);
    for (let a = 0; a < actions; a++) {
      into[offset + from + a] = (pi[from + a] as number) * ((byPi[from + a] as number) - mean);
    }
  }
}
