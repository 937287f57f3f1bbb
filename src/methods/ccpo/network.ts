import { normalFrom, type Random } from '../../base/index.ts';

/** A fully connected network in float64 with tanh on its hidden layers. Immutable sizes, mutable parameters. */
export interface Network {
  /** Inputs, hidden layers, outputs. */
  readonly sizes: readonly number[];
  /** Layer after layer: W row by row [out, in], then the bias [out]. */
  readonly parameters: Float64Array;
}

/** The activations of a batch: `layers[0]` is the input, the last one the outputs; each is [rows, size]. */
export interface Activations {
  readonly rows: number;
  readonly layers: readonly Float64Array[];
}

/** The number of parameters of a network of these sizes. */
export function parameterCount(sizes: readonly number[]): number {
  return layersOf(sizes).reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0);
}

/** A network with normal weights of variance 1 / inputs and zero biases; the last layer a hundred times smaller. */
export function randomNetwork(sizes: readonly number[], random: Random): Network {
  const normal = normalFrom(random);
  const parameters = new Float64Array(parameterCount(sizes));
  const layers = layersOf(sizes);
  for (const [i, { inputs, outputs, weights }] of layers.entries()) {
    const scale = (i === layers.length - 1 ? 0.01 : 1) / Math.sqrt(inputs);
    for (let at = weights; at < weights + inputs * outputs; at++) parameters[at] = scale * normal();
  }
  return { sizes, parameters };
}

/** The outputs for `rows` inputs [rows, inputs], with what the way back needs. */
export function forward({ sizes, parameters }: Network, input: Float64Array, rows: number): Activations {
  const layers: Float64Array[] = [input];
  const shapes = layersOf(sizes);
  for (const [number, layer] of shapes.entries()) {
    const y = new Float64Array(rows * layer.outputs);
    addBias(y, parameters, layer);
    addProduct(y, layers[number] as Float64Array, parameters, layer);
    if (number < shapes.length - 1) for (let i = 0; i < y.length; i++) y[i] = Math.tanh(y[i] as number);
    layers.push(y);
  }
  return { rows, layers };
}

function addBias(y: Float64Array, parameters: Float64Array, { outputs, bias }: Layer): void {
  for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) + (parameters[bias + (i % outputs)] as number);
}

/** y [rows, outputs] += x [rows, inputs] W', with the weights of a layer turned first: sums then run side by side. */
function addProduct(y: Float64Array, x: Float64Array, parameters: Float64Array, layer: Layer): void {
  const { inputs, outputs, weights } = layer;
  const turned = new Float64Array(inputs * outputs);
  for (let j = 0; j < outputs; j++) {
    for (let i = 0; i < inputs; i++) turned[i * outputs + j] = parameters[weights + j * inputs + i] as number;
  }
  for (let row = 0; row * outputs < y.length; row++) {
    addCombination(y, row * outputs, turned, 0, outputs, x, row * inputs, 1, inputs);
  }
}

/** Adds the gradient of the parameters to `into`, given that of the outputs [rows, outputs], which is overwritten. */
export function backward(
  { sizes, parameters }: Network,
  { rows, layers }: Activations,
  outputGradient: Float64Array,
  into: Float64Array,
): void {
  const shapes = layersOf(sizes);
  let dy = outputGradient;
  for (let number = shapes.length - 1; number >= 0; number--) {
    const { inputs, outputs, weights, bias } = shapes[number] as Layer;
    const x = layers[number] as Float64Array;
    const dx = new Float64Array(number > 0 ? rows * inputs : 0);
    for (let j = 0; j < outputs; j++) {
      for (let at = j; at < rows * outputs; at += outputs)
        into[bias + j] = (into[bias + j] as number) + (dy[at] as number);
      addCombination(into, weights + j * inputs, x, 0, inputs, dy, j, outputs, rows);
    }
    for (let row = 0; row < rows && number > 0; row++) {
      addCombination(dx, row * inputs, parameters, weights, inputs, dy, row * outputs, 1, outputs);
    }
    if (number > 0) for (let i = 0; i < dx.length; i++) dx[i] = (dx[i] as number) * (1 - (x[i] as number) ** 2);
    dy = dx;
  }
}

/**
 * Adds to `into` the rows of a matrix times coefficients, of which one stands every `stride` places. Four rows at once: what
 * is added to is read and written a quarter as often.
 */
function addCombination(
  into: Float64Array,
  at: number,
  matrix: Float64Array,
  from: number,
  size: number,
  coefficients: Float64Array,
  first: number,
  stride: number,
  count: number,
): void {
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    const c = first + k * stride;
    const [a, b] = [coefficients[c] as number, coefficients[c + stride] as number];
    const [d, e] = [coefficients[c + 2 * stride] as number, coefficients[c + 3 * stride] as number];
    const m = from + k * size;
    for (let i = 0; i < size; i++) {
      into[at + i] =
        (into[at + i] as number) +
        a * (matrix[m + i] as number) +
        b * (matrix[m + size + i] as number) +
        d * (matrix[m + 2 * size + i] as number) +
        e * (matrix[m + 3 * size + i] as number);
    }
  }
  for (; k < count; k++) {
    const factor = coefficients[first + k * stride] as number;
    const m = from + k * size;
    for (let i = 0; i < size; i++) into[at + i] = (into[at + i] as number) + factor * (matrix[m + i] as number);
  }
}

/**
 * The change of the outputs [rows, outputs] when the parameters change along `direction` (forward-mode derivative).
 */
export function directional(
  { sizes, parameters }: Network,
  { rows, layers }: Activations,
  direction: Float64Array,
): Float64Array {
  const shapes = layersOf(sizes);
  let dx = new Float64Array(rows * (sizes[0] as number));
  for (const [number, layer] of shapes.entries()) {
    const dy = new Float64Array(rows * layer.outputs);
    addBias(dy, direction, layer);
    addProduct(dy, layers[number] as Float64Array, direction, layer);
    addProduct(dy, dx, parameters, layer);
    const y = layers[number + 1] as Float64Array;
    if (number < shapes.length - 1)
      for (let i = 0; i < dy.length; i++) dy[i] = (dy[i] as number) * (1 - (y[i] as number) ** 2);
    dx = dy;
  }
  return dx;
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Where its weights and its bias begin. */
  readonly weights: number;
  readonly bias: number;
}

function layersOf(sizes: readonly number[]): Layer[] {
  let at = 0;
  return sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i] as number;
    const weights = at;
    const bias = at + inputs * outputs;
    at = bias + outputs;
    return { inputs, outputs, weights, bias };
  });
}

/** Adam over one array of parameters (Kingma and Ba 2015). */
export function openAdam(size: number, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = {}) {
  const first = new Float64Array(size);
  const second = new Float64Array(size);
  let step = 0;
  return (parameters: Float64Array, gradient: Float64Array, rate: number): void => {
    step++;
    const [correct1, correct2] = [1 - beta1 ** step, 1 - beta2 ** step];
    for (let i = 0; i < size; i++) {
      const g = gradient[i] as number;
      const m = beta1 * (first[i] as number) + (1 - beta1) * g;
      const v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      parameters[i] = (parameters[i] as number) - (rate * (m / correct1)) / (Math.sqrt(v / correct2) + epsilon);
    }
  };
}
