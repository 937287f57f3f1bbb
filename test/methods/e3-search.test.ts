import { describe, expect, test } from 'vitest';
import { greedy } from '../../src/methods/e3-pruner/masks.ts';
import { relaxed } from '../../src/methods/e3-pruner/relaxation.ts';
import { initialLogits } from '../../src/methods/e3-pruner/schedule.ts';
import {
  beginSearch,
  keptBy,
  type SearchOptions,
  type SearchState,
  searchDefaults,
  searchMask,
} from '../../src/methods/e3-pruner/search.ts';
import { masksOf, toy } from './e3-toy.ts';

const options: SearchOptions = {
  ...searchDefaults,
  steps: 120,
  drop: 3,
  samples: 2,
  relaxation: 'threshold',
  seed: 0,
};
const free = [...Array(8).keys()];
const gatesOf = (kept: readonly number[], blocks = 8) =>
  Array.from({ length: blocks }, (_, l) => Number(kept.includes(l)));
const close = (a: number, b: number) => Math.abs(a - b) / Math.max(Math.abs(b), 1e-12);

// oracle 8, the gates alone
test('the derivative by gates equals central differences', async () => {
  const { loss, objective } = toy(4, 1);
  const gates = Float64Array.from([0.3, 0.9, 0.55, 0.7]);
  const { gradient } = await objective(gates, 0);
  for (const l of gates.keys()) {
    const h = 1e-5;
    const at = (by: number) => loss(gates.map((g, i) => (i === l ? g + by : g)));
    expect(close(gradient[l] as number, (at(h) - at(-h)) / (2 * h))).toBeLessThan(1e-7);
  }
});

// oracle 8
test('the derivative by logits of the soft network equals central differences', async () => {
  const { loss, objective } = toy(4, 2);
  const scores = [0.4, -0.3, 1.1, 0.2];
  const soft = (z: readonly number[]) => relaxed('threshold', z, 2, 0.7);
  const { values, vjp } = soft(scores);
  const { gradient } = await objective(values, 0);
  for (const [l, slope] of vjp(gradient).entries()) {
    const h = 1e-5;
    const at = (by: number) => loss(soft(scores.map((z, i) => (i === l ? z + by : z))).values);
    expect(close(slope, (at(h) - at(-h)) / (2 * h))).toBeLessThan(1e-6);
  }
});

// oracle 9: the toy's way back does not pass dropped blocks; the slope sees the whole network
test('dropped blocks get their gradient from the value of their residual alone', async () => {
  const { loss, objective } = toy(6, 3);
  const gates = Float64Array.from([1, 0, 1, 0, 0, 1]);
  const { gradient } = await objective(gates, 0);
  for (const l of gates.keys()) {
    const h = 1e-5;
    const at = (by: number) => loss(gates.map((g, i) => (i === l ? g + by : g)));
    expect(close(gradient[l] as number, (at(h) - at(-h)) / (2 * h))).toBeLessThan(1e-6);
  }
});

// oracle 7
test('the loss of a step is that of its hard mask, and its update follows the Jacobian of the soft one', async () => {
  const { objective, loss } = toy(8, 4);
  const seen: { gates: Float64Array; loss: number; gradient: ArrayLike<number> }[] = [];
  const watched = async (gates: Float64Array, step: number) => {
    const result = await objective(gates, step);
    seen.push({ gates: gates.slice(), ...result });
    return result;
  };
  const one = { ...options, steps: 2, samples: 1, curriculum: 0.5 };
  const { history } = await searchMask(watched, free, 8, one, beginSearch(new Array(8).fill(0)));
  const [first] = seen;
  expect(first?.gates.every((gate) => gate === 0 || gate === 1)).toBe(true);
  expect(first?.gates.reduce((sum, gate) => sum + gate, 0)).toBe(5);
  expect(history[0]?.loss).toBe(loss(first?.gates as Float64Array));
});

// oracle 13; with two samples a step, one of the eight networks ends at its third best mask, 1.32 times the best
const thorough = { ...options, steps: 400, samples: 8, temperature: [1, 0.2] } as const;

describe('the search on eight blocks', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'seed %i finds a mask whose loss is at most 1.05 times the best of 56',
    async (seed) => {
      const { objective, loss } = toy(8, 100 + seed);
      const importance = free.map((l) => loss(gatesOf(free.filter((other) => other !== l))));
      const begun = beginSearch(initialLogits(importance));
      const { logits } = await searchMask(objective, free, 8, { ...thorough, seed }, begun);
      const found = loss(gatesOf(keptBy(logits, free, 8, 3)));
      const all = masksOf(8, 5)
        .map(loss)
        .sort((a, b) => a - b);
      expect(all).toHaveLength(56);
      expect(found).toBeLessThanOrEqual(1.05 * (all[0] as number));
      expect(found).toBeLessThan(all[28] as number);
    },
  );

  test('successive softmaxes find a mask better than the median too', async () => {
    const { objective, loss } = toy(8, 200);
    const how = { ...options, relaxation: 'successive' } as const;
    const { logits } = await searchMask(objective, free, 8, how, beginSearch(new Array(8).fill(0)));
    const all = masksOf(8, 5)
      .map(loss)
      .sort((a, b) => a - b);
    expect(loss(gatesOf(keptBy(logits, free, 8, 3)))).toBeLessThan(all[28] as number);
  });
});

// oracles 12 and 20, without a model
test('blocks that do nothing are dropped, protected ones are not', async () => {
  const { objective } = toy(6, 7);
  const real = [0, 1, 3, 4, 6, 7];
  const inner = async (gates: Float64Array, step: number) => {
    // blocks 2 and 5 of eight are not there
    const used = Float64Array.from(real, (l) => gates[l] as number);
    const { loss, gradient } = await objective(used, step);
    const all = new Float64Array(8);
    for (const [i, l] of real.entries()) all[l] = gradient[i] as number;
    return { loss, gradient: all };
  };
  const { logits } = await searchMask(inner, free, 8, { ...options, drop: 2 }, beginSearch(new Array(8).fill(0)));
  expect(keptBy(logits, free, 8, 2)).toEqual(real);
  const some = free.filter((l) => l !== 2);
  const pinned = await searchMask(inner, some, 8, { ...options, drop: 2 }, beginSearch(new Array(7).fill(0)));
  expect(keptBy(pinned.logits, some, 8, 2)).toContain(2);
});

test('a search that goes on from any step ends alike', async () => {
  const { objective } = toy(8, 9);
  const short = { ...options, steps: 12 };
  const states: SearchState[] = [];
  const keep = async (state: SearchState) => {
    states.push(JSON.parse(JSON.stringify(state)));
  };
  const begun = beginSearch(initialLogits(free.map((l) => 1 + l)));
  const whole = await searchMask(objective, free, 8, short, begun, { keep });
  for (const step of [1, 5, 11]) {
    expect(await searchMask(objective, free, 8, short, states[step - 1] as SearchState)).toEqual(whole);
  }
});

test('a loss that is no number stops the search', async () => {
  const broken = async () => ({ loss: Number.NaN, gradient: new Float64Array(8) });
  await expect(searchMask(broken, free, 8, options, beginSearch(new Array(8).fill(0)))).rejects.toThrow(
    'the search loss is NaN in step',
  );
});

test('the greedy mask drops one layer a round, never the ends while others are left', async () => {
  const costs = [0.1, 3, 0.5, 2, 0.4, 0.2];
  const rounds: number[][] = [];
  const lossWithout = async (kept: readonly number[]) => {
    rounds.push([...kept]);
    return kept.map((l) => costs[l] as number);
  };
  const target = { layers: 6, drop: 2, free: [0, 1, 2, 3, 4, 5] };
  expect(await greedy(target, lossWithout)).toEqual([0, 1, 3, 5]);
  expect(rounds).toEqual([
    [0, 1, 2, 3, 4, 5],
    [0, 1, 2, 3, 5],
  ]);
});
