import { randomFrom, throwIfAborted } from '../../base/index.ts';
import { actionsOf, type Episode } from './episode.ts';
import { type Soft, softOutcome } from './exact.ts';
import { backward, type Network, openAdam, randomNetwork } from './network.ts';
import { policyOf, type Scaling, scalingOf, throughSoftmax } from './policy-network.ts';
import { batchesOf } from './training.ts';

const hidden = [32, 32];
const [steps, batch, learningRate, dualRate, dualStart] = [800, 32, 2e-3, 0.1, 1];

/**
 * The baseline without conformal sets: a random policy that gives one answer, trained on the exact gradient of its
 * expected spend with a dual variable for P(right or unsolvable) >= 1 - alpha. (Constrained policy optimisation by
 * Lagrange multipliers; Achiam et al. 2017 compare with it.)
 */
export function trainCpo(
  episodes: readonly Episode[],
  alpha: number,
  seed: number,
  signal?: AbortSignal,
): { network: Network; scaling: Scaling } {
  const random = randomFrom(seed);
  const scaling = scalingOf(episodes);
  const actions = actionsOf(episodes[0] as Episode);
  const network = randomNetwork([scaling.mean.length, ...hidden, actions], random);
  const update = openAdam(network.parameters.length);
  const gradient = new Float64Array(network.parameters.length);
  const nextBatch = batchesOf(episodes, scaling, batch, random);
  let dual = dualStart;
  for (let step = 0; step < steps; step++) {
    throwIfAborted(signal);
    const { episodes: some, inputs } = nextBatch();
    const { activations, pi } = policyOf(network, some, inputs);
    const byLogits = new Float64Array((activations.layers.at(-1) as Float64Array).length);
    let [offset, reached] = [0, 0];
    for (const [i, episode] of some.entries()) {
      const own = pi[i] as Float64Array;
      const { cost } = softOutcome(episode, own, false);
      const right = expectedRight(episode, own);
      reached += right.value / some.length;
      const byPi = cost.gradient.map((each, j) => (each - dual * (right.gradient[j] as number)) / some.length);
      throughSoftmax(own, byPi, actions, byLogits, offset);
      offset += own.length;
    }
    gradient.fill(0);
    backward(network, activations, byLogits, gradient);
    update(network.parameters, gradient, learningRate);
    dual = Math.max(0, dual + dualRate * (1 - alpha - reached));
  }
  return { network, scaling };
}

/** The probability that the one answer of a random policy is right (1 when none can be), and its derivatives. */
function expectedRight(episode: Episode, pi: Float64Array): Soft {
  const actions = actionsOf(episode);
  const gradient = new Float64Array(pi.length);
  if (!episode.solvable) return { value: 1, gradient };
  const { nodes } = episode;
  const right = new Float64Array(nodes.length);
  const gives = (i: number, a: number): number => {
    const child = nodes[i]?.children[a] ?? -1;
    return child >= 0 ? (right[child] as number) : nodes[i]?.leaves[a]?.right ? 1 : 0;
  };
  for (let i = nodes.length - 1; i >= 0; i--) {
    for (let a = 0; a < actions; a++) right[i] = (right[i] as number) + (pi[i * actions + a] as number) * gives(i, a);
  }
  const visit = new Float64Array(nodes.length);
  for (const [i, { parent, edge }] of nodes.entries()) {
    visit[i] = parent < 0 ? 1 : (visit[parent] as number) * (pi[parent * actions + edge] as number);
    for (let a = 0; a < actions; a++) gradient[i * actions + a] = (visit[i] as number) * gives(i, a);
  }
  return { value: right[0] as number, gradient };
}
