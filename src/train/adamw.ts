import { compile, type Device, type Program, type Value, value } from '../engine/index.ts';
import { add, div, input, mul, sqrt, sub, sum } from '../tensor/index.ts';
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
  /**
   * Adds the store's gradients to the sum of those of earlier pieces of the batch; `update` takes the sum.
   */
  accumulate(): Promise<void>;
  /** The norm of the gradients, or of their sum. */
  norm(): Promise<number>;
  /** Changes the store's values by one step. */
  update(step: Update): Promise<void>;
  dispose(): Promise<void>;
}

const elementsAtOnce = 2 ** 18; // what an update reads and writes of a piece stays in the cache

/**
 * AdamW (Loshchilov and Hutter 2019) on a store, in float32 and in place, as PyTorch computes it:
 * p -= rate * decay * p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon).
 */
export async function adamw(
  store: ParameterStore,
  { device, threads }: { readonly device: Device; readonly threads: number },
): Promise<Optimizer> {
  const { values, gradients } = store;
  const moments = { first: new Float32Array(values.length), second: new Float32Array(values.length) };
  let total: Float32Array | undefined; // of the pieces of a batch, made when a batch is read in pieces
  let summed = false;
  const options = { device, threads };
  const programs: { update: Program; norm: Program; sum: Program } = {
    update: await compile(updateGraph(), options),
    norm: await compile({ squares: sum(mul(vector('g'), vector('g')), [0]) }, options),
    sum: await compile({ sum: add(vector('total'), vector('g')) }, options),
  };

  const piecewise = async (from: number, to: number, visit: (part: Part) => Promise<void>) => {
    for (let at = from; at < to; at += elementsAtOnce) {
      const end = Math.min(to, at + elementsAtOnce);
      await visit((array) => value('f32', [end - at], array.subarray(at, end)));
    }
  };
  const current = () => (summed && total ? total : gradients);
  return {
    moments,
    async accumulate() {
      total ??= new Float32Array(values.length);
      const all = total;
      if (!summed) all.set(gradients);
      else {
        await piecewise(0, values.length, async (part) => {
          await programs.sum.run({ total: part(all), g: part(gradients) }, { sum: part(all) });
        });
      }
      summed = true;
    },
    async norm() {
      const whole = current();
      let squares = 0;
      await piecewise(0, values.length, async (part) => {
        const result = await programs.norm.run({ g: part(whole) });
        squares += (result.squares as Value<'f32'>).data[0] as number;
      });
      return Math.sqrt(squares);
    },
    async update({ count, rate, weightDecay, scale }) {
      const whole = current();
      const correction1 = 1 - beta1 ** count;
      const correction2 = 1 - beta2 ** count;
      const scalars = {
        scale: number(scale),
        rate: number((rate / correction1) * Math.sqrt(correction2)),
        epsilon: number(epsilon * Math.sqrt(correction2)),
      };
      const ends = [0, store.decaying, values.length];
      for (const [i, decay] of [weightDecay, 0].entries()) {
        const keep = number(1 - rate * decay);
        await piecewise(ends[i] as number, ends[i + 1] as number, async (part) => {
          const [p, m, v] = [part(values), part(moments.first), part(moments.second)];
          await programs.update.run({ ...scalars, keep, p, m, v, g: part(whole) }, { p2: p, m2: m, v2: v });
        });
      }
      summed = false;
    },
    async dispose() {
      for (const program of Object.values(programs)) await program.dispose();
    },
  };
}

type Part = (array: Float32Array) => Value<'f32'>;

const vector = (name: string) => input(name, 'f32', ['n']);
const number = (x: number): Value<'f32'> => value('f32', [], Float32Array.of(x));

/** Each result is written over the input that it replaces: nothing reads that input afterwards. */
function updateGraph() {
  const scalar = (name: string) => input(name, 'f32', []);
  const [p, m, v] = [vector('p'), vector('m'), vector('v')];
  const g = mul(vector('g'), scalar('scale'));
  const m2 = add(m, mul(sub(g, m), 1 - beta1));
  const v2 = add(v, mul(sub(mul(g, g), v), 1 - beta2));
  // both corrections are in the rate and the epsilon: m / c1 / (sqrt(v / c2) + e) = sqrt(c2) / c1 * m / (sqrt(v) + sqrt(c2) e)
  const step = div(mul(m2, scalar('rate')), add(sqrt(v2), scalar('epsilon')));
  return { m2, v2, p2: sub(mul(p, scalar('keep')), step) };
}
