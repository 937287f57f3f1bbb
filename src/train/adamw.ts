import type { ParameterBuffer } from './parameters.ts';

/** Decay rates of the first and the second moment. */
export type Betas = readonly [number, number];

/** PyTorch's defaults, and the term that keeps the quotient finite. */
const usualBetas: Betas = [0.9, 0.999];
const epsilon = 1e-8;

export interface Update {
  /** The number of this update, from 1: the averages start at 0, which is corrected for. */
  readonly count: number;
  readonly rate: number;
  readonly weightDecay: number;
  /** What the gradients are multiplied by first: less than 1 clips them. */
  readonly scale: number;
}

export interface Optimizer {
  /** Adds the gradients of the buffer to the sum over earlier micro-batches, which `norm` and `update` then use. */
  accumulate(): void;
  /** The norm of the gradients, or of their sum. */
  norm(): number;
  /** Changes the buffer's values by one step. */
  update(step: Update): void;
}

/**
 * AdamW on a buffer, in place, as PyTorch computes it (Loshchilov and Hutter 2019, algorithm 2):
 * p -= rate * decay * p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon).
 * In float32, by loops in WebAssembly; a graph of elementwise ops would take longer than a plain loop.
 */
export function adamw({ decaying, vectors }: ParameterBuffer, [beta1, beta2]: Betas = usualBetas): Optimizer {
  const { gradients, total } = vectors.arrays;
  const everything = { from: 0, to: gradients.length };
  let summed = false; // the gradients of several micro-batches, in `total`
  const current = () => (summed ? 'total' : 'gradients');
  return {
    accumulate() {
      if (!summed) total.set(gradients);
      else {
        vectors.over(['total', 'gradients'], 1, everything, (kernels, at, bytes) =>
          kernels.add(at.total, at.gradients, at.total + bytes),
        );
      }
      summed = true;
    },
    norm() {
      let squares = 0;
      const of = current();
      vectors.over([of], 0, everything, (kernels, at, bytes) => {
        squares += kernels.sumOfSquares(at[of], at[of] + bytes);
      });
      return Math.sqrt(squares);
    },
    update({ count, rate, weightDecay, scale }) {
      // both corrections go into rate and epsilon: m / c1 / (sqrt(v / c2) + e) = sqrt(c2) / c1 * m / (sqrt(v) + sqrt(c2) e)
      const root = Math.sqrt(1 - beta2 ** count);
      const step = [scale, 1 - beta1, 1 - beta2, (rate / (1 - beta1 ** count)) * root, epsilon * root] as const;
      const g = current();
      const change = (from: number, to: number, keep: number) =>
        vectors.over(['values', 'first', 'second', g], 3, { from, to }, (kernels, at, bytes) =>
          kernels.adamw(at.values, at.first, at.second, at[g], at.values + bytes, ...step, keep),
        );
      change(0, decaying, 1 - rate * weightDecay);
      change(decaying, everything.to, 1);
      summed = false;
    },
  };
}
