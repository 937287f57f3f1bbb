import { randomFrom } from '../../src/base/index.ts';
import type { MaskObjective } from '../../src/methods/e3-pruner/search.ts';

/** A residual network of small random blocks h + W tanh(V h), and how far masks take its output from the whole one's. */
export interface Toy {
  readonly blocks: number;
  /** Mean squared distance from the whole network's output, under gates of any value. */
  loss(gates: ArrayLike<number>): number;
  /** The loss and its derivatives by the gates, backward through the blocks. */
  readonly objective: MaskObjective;
}

const [width, texts] = [6, 5];

export function toy(blocks: number, seed: number): Toy {
  const random = randomFrom(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const matrix = (scale: number) =>
    Array.from({ length: width }, () => Array.from({ length: width }, () => scale * normal()));
  // blocks of unlike strength, so that there is something to find
  const weights = Array.from({ length: blocks }, () => ({ v: matrix(0.6), w: matrix(0.1 + 0.5 * random()) }));
  const inputs = Array.from({ length: texts }, () => Array.from({ length: width }, normal));
  const times = (m: readonly (readonly number[])[], x: readonly number[]) =>
    m.map((row) => row.reduce((sum, each, i) => sum + each * (x[i] as number), 0));
  const timesT = (m: readonly (readonly number[])[], x: readonly number[]) =>
    x.map((_, j) => m.reduce((sum, row, i) => sum + (row[j] as number) * (x[i] as number), 0));
  const residual = (block: number, h: readonly number[]) => {
    const { v, w } = weights[block] as { v: number[][]; w: number[][] };
    return times(w, times(v, h).map(Math.tanh));
  };
  const states = (gates: ArrayLike<number>, x: readonly number[]) => {
    const all = [x];
    for (let l = 0; l < blocks; l++) {
      const h = all[l] as number[];
      const delta = residual(l, h);
      all.push(h.map((each, i) => each + (gates[l] as number) * (delta[i] as number)));
    }
    return all;
  };
  const whole = inputs.map((x) => states(new Array(blocks).fill(1), x).at(-1) as number[]);
  const count = texts * width;

  /** Derivatives by the gates; a block whose gate is 0 is not passed on the way back. */
  function backward(gates: ArrayLike<number>): { loss: number; gradient: Float64Array } {
    const gradient = new Float64Array(blocks);
    let loss = 0;
    for (const [t, x] of inputs.entries()) {
      const all = states(gates, x);
      const difference = (all.at(-1) as number[]).map((each, i) => each - (whole[t]?.[i] as number));
      loss += difference.reduce((sum, d) => sum + d * d, 0) / count;
      let g = difference.map((d) => (2 * d) / count);
      for (let l = blocks - 1; l >= 0; l--) {
        const h = all[l] as number[];
        const { v, w } = weights[l] as { v: number[][]; w: number[][] };
        const a = times(v, h).map(Math.tanh);
        const delta = times(w, a);
        gradient[l] = (gradient[l] as number) + g.reduce((sum, each, i) => sum + each * (delta[i] as number), 0);
        if (gates[l] === 0) continue;
        const back = timesT(
          v,
          timesT(w, g).map((each, i) => each * (1 - (a[i] as number) ** 2)),
        );
        g = g.map((each, i) => each + (gates[l] as number) * (back[i] as number));
      }
    }
    return { loss, gradient };
  }
  return {
    blocks,
    loss: (gates) => backward(gates).loss,
    objective: async (gates) => backward(gates),
  };
}

/** All masks of `blocks` gates with `kept` ones. */
export function masksOf(blocks: number, kept: number): number[][] {
  if (kept < 0 || kept > blocks) return [];
  if (blocks === 0) return [[]];
  return [
    ...masksOf(blocks - 1, kept).map((mask) => [...mask, 0]),
    ...masksOf(blocks - 1, kept - 1).map((mask) => [...mask, 1]),
  ];
}
