import { randomFrom, silent, throwIfAborted, type Watch } from '../../base/index.ts';
import { quantileIndex } from './calibration.ts';
import { actionsOf, type Episode } from './episode.ts';
import { type SoftOutcome, softmask, softOutcome } from './exact.ts';
import { backward, openAdam, randomNetwork } from './network.ts';
import { inputsOf, policyOf, scalingOf, throughSoftmax } from './policy-network.ts';
import { criticalThreshold, outcomeAt, scoresOf } from './sets.ts';
import {
  annealed,
  batchesOf,
  historyLength,
  type Trained,
  type TrainingOptions,
  type TrainingStep,
} from './training.ts';

/** A way to train: how masks are scaled, their width from the first step to the last, and the weight decay. */
interface Way {
  readonly scale: 'linear' | 'log';
  readonly widths: readonly [number, number];
  /** A step shrinks weights by the rate times this. */
  readonly decay: number;
}

/** Either can end in a poor optimum where the other does not: both are tried. */
const ways: readonly Way[] = [
  { scale: 'log', widths: [2, 0.3], decay: 1 },
  { scale: 'linear', widths: [0.05, 0.01], decay: 0 },
];
const learningRate = 1e-3; // CCPO, section 3.14
const thresholdRate = 0.05; // share of the way to the batch's quantile
const multiplierMemory = 0.98;
const largestMultiplier = 1e4; // in units of the mean cost of the first round

/**
 * Trains by the exact gradient of soft cost at the asked soft coverage: full logs give every counterfactual, so there are
 * neither rollouts nor critics (CCPO, section 3.11). The threshold follows the alpha-quantile of the critical thresholds,
 * as calibration will set it; differentiating the cost through it gives the multiplier of the coverage,
 * (d cost / d kappa) / (d coverage / d kappa), so that no dual variable lags behind. (The implicit function theorem;
 * Stutz et al. 2022 differentiate through conformal calibration alike.) Of two ways the one is kept whose policy is cheaper
 * on the training questions at the asked coverage.
 */
export async function trainExact(
  episodes: readonly Episode[],
  options: TrainingOptions,
  watch: Watch = {},
): Promise<Trained> {
  const found: { trained: Trained; cost: number }[] = [];
  for (const way of ways) {
    const trained = await trainOneWay(episodes, options, way, watch);
    found.push({ trained, cost: calibratedCost(trained, episodes, options) });
  }
  return found.reduce((best, each) => (each.cost < best.cost ? each : best)).trained;
}

/** The mean cost of questions at the threshold that covers 1 - alpha of them. */
function calibratedCost(
  { network, scaling }: Trained,
  episodes: readonly Episode[],
  { alpha, rule, lambda }: TrainingOptions,
) {
  const scores = episodes.map((episode) =>
    scoresOf(episode, policyOf(network, [episode], inputsOf([episode], scaling)).pi[0] as Float64Array, rule),
  );
  const kappa = quantileOf(
    episodes.map((episode, i) => criticalThreshold(episode, scores[i] as Float64Array)),
    alpha,
  );
  return episodes.reduce((sum, episode, i) => {
    const { cost, setSize } = outcomeAt(episode, scores[i] as Float64Array, kappa);
    return sum + cost + lambda * setSize;
  }, 0);
}

async function trainOneWay(
  episodes: readonly Episode[],
  options: TrainingOptions,
  { scale, widths, decay }: Way,
  { progress = silent, signal }: Watch,
): Promise<Trained> {
  const random = randomFrom(options.seed);
  const scaling = scalingOf(episodes);
  const actions = actionsOf(episodes[0] as Episode);
  const network = randomNetwork([scaling.mean.length, ...options.hidden, actions], random);
  const nextBatch = batchesOf(episodes, scaling, options.batch, random);
  const update = openAdam(network.parameters.length);
  const gradient = new Float64Array(network.parameters.length);
  const unit = costUnit(episodes);
  const history: TrainingStep[] = [];
  const label = `training with ${scale} masks`;
  let [kappa, eps] = [1 / actions, widths[0]];
  let byKappa = { cost: 0, coverage: 0 };

  for (let step = 0; step < options.steps; step++) {
    throwIfAborted(signal);
    const share = step / options.steps;
    eps = annealed(widths, share);
    const batch = nextBatch();
    const { activations, pi } = policyOf(network, batch.episodes, batch.inputs);
    const critical = batch.episodes.map((episode, i) =>
      criticalThreshold(episode, scoresOf(episode, pi[i] as Float64Array, options.rule)),
    );
    kappa += thresholdRate * (Math.min(1, quantileOf(critical, options.alpha)) - kappa);
    const soft = batch.episodes.map((episode, i) => {
      const { masks, slopes } = softmask(episode, pi[i] as Float64Array, { kappa, eps, scale });
      return { slopes, ...softOutcome(episode, masks, options.lambda > 0) };
    });
    byKappa = remembered(byKappa, slopeByThreshold(soft, scale === 'log' ? pi : undefined, options.lambda));
    const multiplier = Math.min(largestMultiplier * unit, byKappa.coverage > 0 ? byKappa.cost / byKappa.coverage : 0);
    const byLogits = new Float64Array((activations.layers.at(-1) as Float64Array).length);
    let offset = 0;
    for (const [i, { slopes, cost, coverage, size }] of soft.entries()) {
      const byPi = slopes.map((slope, j) => {
        const paid = (cost.gradient[j] as number) + options.lambda * (size.gradient[j] as number);
        return ((paid - multiplier * (coverage.gradient[j] as number)) * slope) / (unit * soft.length);
      });
      throughSoftmax(pi[i] as Float64Array, byPi, actions, byLogits, offset);
      offset += slopes.length;
    }
    gradient.fill(0);
    backward(network, activations, byLogits, gradient);
    const rate = learningRate * 0.5 * (1 + Math.cos(Math.PI * share));
    for (let i = 0; i < gradient.length; i++) {
      network.parameters[i] = (network.parameters[i] as number) * (1 - rate * decay);
    }
    update(network.parameters, gradient, rate);
    const mean = (key: 'cost' | 'coverage') => soft.reduce((sum, each) => sum + each[key].value, 0) / soft.length;
    if (step % Math.ceil(options.steps / historyLength) === 0) {
      history.push({ step, kappa, cost: mean('cost'), coverage: mean('coverage') });
      progress.step(label, step, options.steps, 'steps', `cost ${mean('cost').toPrecision(3)}`);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C be heard
    }
  }
  progress.step(label, options.steps, options.steps, 'steps');
  network.parameters.set(Float32Array.from(network.parameters)); // as the policy file keeps them
  return { network, scaling, kappa, eps, history };
}

/** The alpha-quantile of a batch, as calibration takes it: the least value where the batch is too small for k = 1. */
function quantileOf(critical: readonly number[], alpha: number): number {
  const k = Math.max(1, quantileIndex(critical.length, alpha));
  return Float64Array.from(critical).sort()[k - 1] as number;
}

/** The derivatives of a batch's cost and coverage by minus kappa; with `pi`, by minus ln kappa. */
function slopeByThreshold(
  soft: readonly (SoftOutcome & { slopes: Float64Array })[],
  pi: readonly Float64Array[] | undefined,
  lambda: number,
) {
  const sum = { cost: 0, coverage: 0 };
  for (const [i, { slopes, cost, coverage, size }] of soft.entries()) {
    for (let j = 0; j < slopes.length; j++) {
      const slope = (slopes[j] as number) * (pi?.[i]?.[j] ?? 1);
      sum.cost += slope * ((cost.gradient[j] as number) + lambda * (size.gradient[j] as number));
      sum.coverage += slope * (coverage.gradient[j] as number);
    }
  }
  return sum;
}

const remembered = <T extends { cost: number; coverage: number }>(before: T, now: T) => ({
  cost: multiplierMemory * before.cost + (1 - multiplierMemory) * now.cost,
  coverage: multiplierMemory * before.coverage + (1 - multiplierMemory) * now.coverage,
});

/** The mean spend of a node: gradients are measured in it, so that the currency does not matter. */
function costUnit(episodes: readonly Episode[]): number {
  const nodes = episodes.flatMap((episode) => episode.nodes);
  return nodes.reduce((sum, { cost }) => sum + cost, 0) / nodes.length;
}
