import { type Random, randomFrom, silent, throwIfAborted, type Watch } from '../../base/index.ts';
import { drawWalk, type Walk } from './draw.ts';
import { actionsOf, type Episode, isAllowed } from './episode.ts';
import { softmask, softOutcome } from './exact.ts';
import { backward, directional, forward, type Network, openAdam, randomNetwork } from './network.ts';
import { nextThreshold, stepSize } from './online.ts';
import { type BatchPolicy, policyOf, scalingOf, throughSoftmax } from './policy-network.ts';
import { criticalThreshold, outcomeAt, scoresOf } from './sets.ts';
import { annealed, type Batch, batchesOf, historyLength, type Trained, type TrainingOptions } from './training.ts';
import { cpoStep } from './trust-region.ts';
import { vtrace } from './vtrace.ts';

const widths: readonly [number, number] = [1, 0.1]; // of the softmask, in the logarithm
const rolloutsPerQuestion = 4;
const explored = 0.2; // share of uniform actions in rollouts: rare actions would make weights explode
const clipping = { discount: 1, rho: 1, trace: 1 };
const criticRate = 1e-3;
const firstThreshold = 0.1;
const thresholdStep = 0.01; // slower than the policy, which would otherwise see no slack to spend
const radii: readonly [number, number] = [0.01, 0.001]; // of the trust region; the paper keeps 0.01 (section 3.14)
const damping = 1e-3;
const [backtracks, backtrackRatio] = [15, 0.8];

/**
 * Trains as the paper does: rollouts on the logs, a V-trace critic of the spend, and a trust-region step of constrained
 * policy optimisation on the surrogate S~, then the online threshold (CCPO, sections 3.6 to 3.8). The constraint is the
 * soft coverage itself, which a full log gives exactly: the importance-weighted bound U_C from a few rollouts is noise where
 * it is capped at 1 for each question, and where it is not it rewards every further right answer of a covered one.
 */
export async function trainVtrace(
  episodes: readonly Episode[],
  options: TrainingOptions,
  { progress = silent, signal }: Watch = {},
): Promise<Trained> {
  const { alpha, rule, hidden, seed, steps } = options;
  const random = randomFrom(seed);
  const scaling = scalingOf(episodes);
  const actions = actionsOf(episodes[0] as Episode);
  const network = randomNetwork([scaling.mean.length, ...hidden, actions], random);
  const critic = randomNetwork([scaling.mean.length, ...hidden, 1], random);
  const updateCritic = openAdam(critic.parameters.length);
  const nextBatch = batchesOf(episodes, scaling, options.batch, random);
  const history: Trained['history'][number][] = [];
  let [kappa, eps, seen] = [firstThreshold, widths[0], 0];

  for (let step = 0; step < steps; step++) {
    throwIfAborted(signal);
    eps = annealed(widths, step / steps);
    const delta = annealed(radii, step / steps);
    const batch = nextBatch();
    const now = surrogateOf(network, batch, kappa, eps);
    const walks = batch.episodes.map((episode, i) => walksOf(episode, now.pi[i] as Float64Array, random));
    const advantages = critique(critic, updateCritic, batch, now, walks, options, kappa);
    const objective = openObjective(batch, now, walks, advantages);
    const before = objective.at(now);
    const c = 1 - alpha - before.coverage;
    const product = (v: Float64Array) => fisherProduct(network, now, v);
    const { x, recovery } = cpoStep({
      g: objective.gradient(network, 'cost'),
      b: objective.gradient(network, 'miss'),
      c,
      delta,
      product,
    });
    lineSearch(network, x, () => {
      const after = surrogateOf(network, batch, kappa, eps);
      const { cost, coverage } = objective.at(after);
      if (divergence(after, now) > delta * 1.5 || !Number.isFinite(cost)) return false;
      if (recovery) return coverage > before.coverage;
      return cost <= before.cost && coverage >= Math.min(1 - alpha, before.coverage);
    });
    const { pi } = policyOf(network, batch.episodes, batch.inputs);
    let [cost, covered] = [0, 0];
    for (const [i, episode] of batch.episodes.entries()) {
      const scores = scoresOf(episode, pi[i] as Float64Array, rule);
      const outcome = outcomeAt(episode, scores, kappa);
      cost += outcome.cost / batch.episodes.length;
      covered += (outcome.covered ? 1 : 0) / batch.episodes.length;
      const missed = kappa > criticalThreshold(episode, scores);
      kappa = nextThreshold(kappa, missed, alpha, stepSize(++seen, thresholdStep));
    }
    if (step % Math.ceil(steps / historyLength) === 0) {
      history.push({ step, kappa, cost, coverage: covered });
      progress.step('training', step, steps, 'steps', `cost ${cost.toPrecision(3)}`);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C be heard
    }
  }
  progress.step('training', steps, steps, 'steps');
  network.parameters.set(Float32Array.from(network.parameters)); // as the policy file keeps them
  return { network, scaling, kappa, eps, history };
}

const smallestThreshold = 1e-4; // of the softmask, which works on its logarithm; the threshold itself has no floor

/** What one batch gives under some parameters: masks and the surrogate S~ = mask / sum of masks at each node. */
interface Surrogate extends BatchPolicy {
  readonly masks: readonly Float64Array[];
  /** Derivatives of ln mask by the probability. */
  readonly logSlopes: readonly Float64Array[];
  readonly shares: readonly Float64Array[];
}

function surrogateOf(network: Network, { episodes, inputs }: Batch, kappa: number, eps: number): Surrogate {
  const { activations, pi } = policyOf(network, episodes, inputs);
  const mask = { kappa: Math.max(smallestThreshold, kappa), eps, scale: 'log' as const };
  const soft = episodes.map((episode, i) => softmask(episode, pi[i] as Float64Array, mask));
  return {
    activations,
    pi,
    masks: soft.map(({ masks }) => masks),
    logSlopes: soft.map(({ masks, slopes }) =>
      slopes.map((slope, j) => (slope > 0 ? slope / (masks[j] as number) : 0)),
    ),
    shares: soft.map(({ masks }, i) => normalised(masks, actionsOf(episodes[i] as Episode))),
  };
}

/** Each row divided by its sum. */
function normalised(masks: Float64Array, actions: number): Float64Array {
  return masks.map((mask, j) => {
    const from = j - (j % actions);
    let sum = 0;
    for (let a = 0; a < actions; a++) sum += masks[from + a] as number;
    return mask / sum;
  });
}

/** The policy as it walks: mixed with uniform actions. */
function behaviour(episode: Episode, pi: Float64Array, node: number): Float64Array {
  const actions = actionsOf(episode);
  const at = episode.nodes[node] as Episode['nodes'][number];
  const allowed = Array.from({ length: actions }, (_, a) => isAllowed(at, a));
  const count = allowed.filter(Boolean).length;
  return Float64Array.from(allowed, (may, a) =>
    may ? (1 - explored) * (pi[node * actions + a] as number) + explored / count : 0,
  );
}

function walksOf(episode: Episode, pi: Float64Array, random: Random): Walk[] {
  const chances = Float64Array.from(episode.nodes.flatMap((_, node) => [...behaviour(episode, pi, node)]));
  return Array.from({ length: rolloutsPerQuestion }, () => drawWalk(episode, chances, random));
}

/** By question, walk and step. */
type Advantages = readonly (readonly Float64Array[])[];

/** Updates the critic of the spend towards its V-trace targets, and returns the advantages of every step. */
function critique(
  critic: Network,
  update: ReturnType<typeof openAdam>,
  { episodes, inputs }: Batch,
  now: Surrogate,
  walks: readonly (readonly Walk[])[],
  { lambda, rule }: TrainingOptions,
  kappa: number,
): Advantages {
  const activations = forward(critic, inputs, now.activations.rows);
  const values = activations.layers.at(-1) as Float64Array;
  const byValue = new Float64Array(values.length);
  let [offset, steps] = [0, 0];
  const advantages = episodes.map((episode, i) => {
    const actions = actionsOf(episode);
    const pi = now.pi[i] as Float64Array;
    const size = lambda > 0 ? outcomeAt(episode, scoresOf(episode, pi, rule), kappa).setSize : 0;
    const own = (walks[i] as readonly Walk[]).map((walk) => {
      const { targets, advantages } = vtrace(
        {
          rewards: walk.nodes.map(
            (node, t) => (episode.nodes[node]?.cost ?? 0) + (t === walk.nodes.length - 1 ? lambda * size : 0),
          ),
          values: walk.nodes.map((node) => values[offset + node] as number),
          weights: walk.nodes.map((node, t) => {
            const action = walk.actions[t] as number;
            const share = (now.shares[i] as Float64Array)[node * actions + action] as number;
            return share / (behaviour(episode, pi, node)[action] as number);
          }),
        },
        clipping,
      );
      for (const [t, node] of walk.nodes.entries()) {
        const at = offset + node;
        byValue[at] = (byValue[at] as number) + (values[at] as number) - (targets[t] as number);
        steps++;
      }
      return advantages;
    });
    offset += episode.nodes.length;
    return own;
  });
  const gradient = new Float64Array(critic.parameters.length);
  const mean = byValue.map((each) => each / steps);
  backward(critic, activations, mean, gradient);
  update(critic.parameters, gradient, criticRate);
  return advantages;
}

/** Surrogate cost and capped coverage of a batch under any parameters, from the walks of the present ones. */
function openObjective(
  { episodes }: Batch,
  now: Surrogate,
  walks: readonly (readonly Walk[])[],
  advantages: Advantages,
) {
  const all = episodes.length;
  return {
    at({ masks, shares }: Surrogate) {
      let [cost, coverage] = [0, 0];
      for (const [i, episode] of episodes.entries()) {
        const actions = actionsOf(episode);
        coverage += softOutcome(episode, masks[i] as Float64Array, false).coverage.value;
        for (const [w, { nodes, actions: taken }] of (walks[i] as readonly Walk[]).entries()) {
          for (const [t, node] of nodes.entries()) {
            const at = node * actions + (taken[t] as number);
            const ratio = ((shares[i] as Float64Array)[at] as number) / ((now.shares[i] as Float64Array)[at] as number);
            cost += (ratio * (advantages[i]?.[w]?.[t] as number)) / rolloutsPerQuestion;
          }
        }
      }
      return { cost: cost / all, coverage: coverage / all };
    },
    /** The gradient by the parameters: of the cost, or of minus the coverage. */
    gradient(network: Network, of: 'cost' | 'miss'): Float64Array {
      const byLogMask = episodes.map((episode, i) => {
        const actions = actionsOf(episode);
        const masks = now.masks[i] as Float64Array;
        if (of === 'miss') {
          const { gradient } = softOutcome(episode, masks, false).coverage;
          return gradient.map((each, j) => (-each * (masks[j] as number)) / all);
        }
        const into = new Float64Array(masks.length);
        for (const [w, walk] of (walks[i] as readonly Walk[]).entries()) {
          for (const [t, node] of walk.nodes.entries()) {
            const at = node * actions + (walk.actions[t] as number);
            into[at] = (into[at] as number) + (advantages[i]?.[w]?.[t] as number) / (rolloutsPerQuestion * all);
          }
        }
        return centred(into, now.shares[i] as Float64Array, actions);
      });
      return throughMasks(network, now, byLogMask);
    },
  };
}

/** From the gradient by ln S~ to that by ln mask: S~ is a softmax of ln mask. */
function centred(byLogShare: Float64Array, shares: Float64Array, actions: number): Float64Array {
  return byLogShare.map((each, j) => {
    const from = j - (j % actions);
    let sum = 0;
    for (let a = 0; a < actions; a++) sum += byLogShare[from + a] as number;
    return each - (shares[j] as number) * sum;
  });
}

/** From the gradient by ln mask to that by the parameters. */
function throughMasks(network: Network, now: Surrogate, byLogMask: readonly Float64Array[]): Float64Array {
  const actions = network.sizes.at(-1) as number;
  const byLogits = new Float64Array((now.activations.layers.at(-1) as Float64Array).length);
  let offset = 0;
  for (const [i, own] of byLogMask.entries()) {
    const byPi = own.map((each, j) => each * ((now.logSlopes[i] as Float64Array)[j] as number));
    throughSoftmax(now.pi[i] as Float64Array, byPi, actions, byLogits, offset);
    offset += own.length;
  }
  const gradient = new Float64Array(network.parameters.length);
  backward(network, now.activations, byLogits, gradient);
  return gradient;
}

/** (F + damping I) v, where F is the Fisher matrix of S~: the mean over nodes of J'(diag S - S S')J, J of ln mask. */
function fisherProduct(network: Network, now: Surrogate, v: Float64Array): Float64Array {
  const actions = network.sizes.at(-1) as number;
  const byLogits = directional(network, now.activations, v);
  let offset = 0;
  const inner = now.pi.map((pi, i) => {
    const change = new Float64Array(pi.length);
    throughSoftmax(pi, byLogits.subarray(offset, offset + pi.length), actions, change, 0); // the Jacobian is symmetric
    offset += pi.length;
    const shares = now.shares[i] as Float64Array;
    const weighted = change.map(
      (each, j) => (shares[j] as number) * each * ((now.logSlopes[i] as Float64Array)[j] as number),
    );
    return centred(weighted, shares, actions).map((each) => each / now.activations.rows);
  });
  return throughMasks(network, now, inner).map((each, j) => each + damping * (v[j] as number));
}

/** Mean KL(S~ || S~ of `now`) over the nodes. */
function divergence(after: Surrogate, now: Surrogate): number {
  let sum = 0;
  for (const [i, shares] of after.shares.entries()) {
    for (const [j, share] of shares.entries()) {
      if (share > 0) sum += share * Math.log(share / ((now.shares[i] as Float64Array)[j] as number));
    }
  }
  return sum / now.activations.rows;
}

/** Moves the parameters along x, shorter and shorter until it is accepted; back to where they were if it never is. */
function lineSearch(network: Network, x: Float64Array, accepts: () => boolean): void {
  const before = network.parameters.slice();
  for (let trial = 0; trial < backtracks; trial++) {
    const share = backtrackRatio ** trial;
    for (let i = 0; i < x.length; i++) network.parameters[i] = (before[i] as number) + share * (x[i] as number);
    if (accepts()) return;
  }
  network.parameters.set(before);
}
