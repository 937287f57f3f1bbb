import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import { chain } from './episode.ts';
import { backward, directional, forward, openAdam, parameterCount, randomNetwork } from './network.ts';
import { inputsOf, policyOf, scalingOf, throughSoftmax } from './policy-network.ts';

const normal = normalFrom(randomFrom(1));
const draw = (count: number) => Float64Array.from({ length: count }, normal);
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, each, i) => sum + each * (b[i] as number), 0);

test('gradients and directional derivatives equal finite differences', () => {
  const network = randomNetwork([3, 5, 4, 2], randomFrom(2));
  network.parameters.set(draw(parameterCount(network.sizes)));
  const [input, weights, direction] = [draw(12), draw(8), draw(network.parameters.length)];
  const outputsAt = (step: number) => {
    const parameters = network.parameters.map((each, i) => each + step * (direction[i] as number));
    return forward({ ...network, parameters }, input, 4).layers.at(-1) as Float64Array;
  };
  const step = 1e-5;
  const [more, less] = [outputsAt(step), outputsAt(-step)];
  const activations = forward(network, input, 4);
  const along = directional(network, activations, direction);
  for (const [i, each] of along.entries()) {
    expect(each).toBeCloseTo(((more[i] as number) - (less[i] as number)) / (2 * step), 7);
  }
  const gradient = new Float64Array(network.parameters.length);
  backward(network, activations, weights.slice(), gradient);
  expect(dot(gradient, direction)).toBeCloseTo(dot(along, weights), 9); // the transpose of the same Jacobian
});

test('Adam follows its recursion', () => {
  const [parameters, update] = [Float64Array.of(1), openAdam(1)];
  update(parameters, Float64Array.of(0.5), 0.1);
  expect(parameters[0]).toBeCloseTo(1 - 0.1, 6); // the first step is the rate, whatever the gradient
  update(parameters, Float64Array.of(-0.5), 0.1);
  const [m, v] = [(0.9 * 0.05 - 0.05) / (1 - 0.9 ** 2), (0.999 * 0.00025 + 0.00025) / (1 - 0.999 ** 2)];
  expect(parameters[0]).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 6);
});

const twoRounds = (qid: string, obs: readonly number[]) =>
  chain(
    qid,
    obs.map((each) => ({
      obs: [each, 7],
      cost: 1,
      leaves: [
        { right: true, answer: '' },
        { right: false, answer: 'x' },
      ],
    })),
  );

test('actions that are not allowed have no probability, and constant features keep their scale', () => {
  const episodes = [twoRounds('a', [1, 2]), twoRounds('b', [3, 6])];
  const scaling = scalingOf(episodes);
  expect(scaling).toEqual({ mean: [3, 7], std: [Math.sqrt(3.5), 1] });
  const network = randomNetwork([2, 3], randomFrom(3));
  network.parameters.set(draw(9));
  for (const pi of policyOf(network, episodes, inputsOf(episodes, scaling)).pi) {
    expect(pi[0] ?? 0).toBeGreaterThan(0);
    expect(pi[5]).toBe(0); // NEXT in the last round
    expect(pi.slice(0, 3).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(pi.slice(3).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  }
});

test('the way back through the softmax equals finite differences', () => {
  const episode = twoRounds('a', [1, 2]);
  const scaling = { mean: [0, 0], std: [1, 1] };
  const byPi = draw(6);
  const network = randomNetwork([2, 3], randomFrom(4));
  const valueAt = () => dot(policyOf(network, [episode], inputsOf([episode], scaling)).pi[0] as Float64Array, byPi);
  const { activations, pi } = policyOf(network, [episode], inputsOf([episode], scaling));
  const byLogits = new Float64Array(6);
  throughSoftmax(pi[0] as Float64Array, byPi, 3, byLogits, 0);
  const gradient = new Float64Array(network.parameters.length);
  backward(network, activations, byLogits, gradient);
  for (const i of gradient.keys()) {
    const before = network.parameters[i] as number;
    network.parameters[i] = before + 1e-6;
    const more = valueAt();
    network.parameters[i] = before - 1e-6;
    const less = valueAt();
    network.parameters[i] = before;
    expect(gradient[i]).toBeCloseTo((more - less) / 2e-6, 6);
  }
});
