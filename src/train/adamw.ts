import type { ParameterStore } from './parameters.ts';

/** Decay rates of the moments and the term that keeps the quotient finite: PyTorch's defaults. */
const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

/** The running averages of the gradients and of their squares. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export interface Update {
  /** The number of this update, from 1: the averages start at 0, which is corrected for. */
  readonly count: number;
  readonly rate: number;
  readonly weightDecay: number;
  /** What the gradients are multiplied by first: less than 1 clips them. */
  readonly scale: number;
}

export interface Optimizer {
  readonly moments: Moments;
  /** Adds the store's gradients to the sum of those of earlier pieces of the batch, which `norm` and `update` then take. */
  accumulate(): void;
  /** The norm of the gradients, or of their sum. */
  norm(): number;
  /** Changes the store's values by one step. */
  update(step: Update): void;
}

/**
 * AdamW on a store, in place, as PyTorch computes it (Loshchilov and Hutter 2019, algorithm 2):
 * p -= rate * decay * p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon).
 * Numbers are stored in float32. A plain loop: a graph of elementwise kernels takes three times as long.
 */
export function adamw(store: ParameterStore): Optimizer {
  const { values, gradients } = store;
  const moments = { first: new Float32Array(values.length), second: new Float32Array(values.length) };
  let total: Float32Array | undefined; // of the pieces of a batch, made when a batch is read in pieces
  let summed = false;
  const current = () => (summed && total ? total : gradients);
  return {
    moments,
    accumulate() {
      total ??= new Float32Array(values.length);
      if (summed) addTo(total, gradients);
      else total.set(gradients);
      summed = true;
    },
    norm: () => normOf(current()),
    update({ count, rate, weightDecay, scale }) {
      // both corrections go into rate and epsilon: m / c1 / (sqrt(v / c2) + e) = sqrt(c2) / c1 * m / (sqrt(v) + sqrt(c2) e)
      const root = Math.sqrt(1 - beta2 ** count);
      const corrected = { rate: (rate / (1 - beta1 ** count)) * root, epsilon: epsilon * root, scale };
      const { decaying } = store;
      updateRange(values, moments, current(), 0, decaying, { ...corrected, keep: 1 - rate * weightDecay });
      updateRange(values, moments, current(), decaying, values.length, { ...corrected, keep: 1 });
      summed = false;
    },
  };
}

interface Step {
  readonly rate: number;
  readonly epsilon: number;
  readonly scale: number;
  readonly keep: number;
}

function updateRange(
  values: Float32Array,
  { first, second }: Moments,
  gradients: Float32Array,
  from: number,
  to: number,
  { rate, epsilon, scale, keep }: Step,
): void {
  const [rise1, rise2] = [1 - beta1, 1 - beta2];
  for (let i = from; i < to; i++) {
    const g = (gradients[i] as number) * scale;
    const m0 = first[i] as number;
    const v0 = second[i] as number;
    const m = m0 + (g - m0) * rise1;
    const v = v0 + (g * g - v0) * rise2;
    first[i] = m;
    second[i] = v;
    values[i] = (values[i] as number) * keep - (rate * m) / (Math.sqrt(v) + epsilon);
  }
}

function addTo(total: Float32Array, more: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (more[i] as number);
}

function normOf(x: Float32Array): number {
  let [a, b] = [0, 0]; // two sums: an addition waits for the last one of its own
  const even = x.length & ~1;
  for (let i = 0; i < even; i += 2) {
    a += (x[i] as number) ** 2;
    b += (x[i + 1] as number) ** 2;
  }
  if (even < x.length) a += (x[even] as number) ** 2;
  return Math.sqrt(a + b);
}
