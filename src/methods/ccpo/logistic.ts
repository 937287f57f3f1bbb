import { backward, forward, openAdam, randomNetwork } from './network.ts';

/**
 * Fits P(label | row) = sigmoid(w x + b) by full-batch Adam on the log-likelihood with a small ridge, and returns the
 * probabilities as a function of rows [rows, features].
 */
export function fitLogistic(rows: Float64Array, features: number, labels: readonly boolean[]) {
  const network = randomNetwork([features, 1], () => 0.5);
  const update = openAdam(network.parameters.length);
  const gradient = new Float64Array(network.parameters.length);
  for (let step = 0; step < 400; step++) {
    const activations = forward(network, rows, labels.length);
    const logits = activations.layers[1] as Float64Array;
    const byLogit = logits.map((logit, i) => (1 / (1 + Math.exp(-logit)) - (labels[i] ? 1 : 0)) / labels.length);
    gradient.fill(0);
    backward(network, activations, byLogit, gradient);
    for (let i = 0; i < features; i++) gradient[i] = (gradient[i] as number) + 1e-3 * (network.parameters[i] as number);
    update(network.parameters, gradient, 0.05);
  }
  return (inputs: Float64Array): Float64Array =>
    (forward(network, inputs, inputs.length / features).layers[1] as Float64Array).map(
      (logit) => 1 / (1 + Math.exp(-logit)),
    );
}
