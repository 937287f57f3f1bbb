import fc from 'fast-check';
import { expect, test } from 'vitest';
import { componentsFor, distributed } from './ranks.ts';

// oracle 4
test('the components that explain most get the ranks', () => {
  const ranks = distributed(
    [
      { module: 'a', ratios: [0.5, 0.2, 0.1, 0.02] },
      { module: 'b', ratios: [0.3, 0.25, 0.15, 0.05] },
      { module: 'c', ratios: [0.01, 0.001, 0.0001, 0] },
    ],
    6,
  );
  expect([...ranks]).toEqual([
    ['a', 3],
    ['b', 3],
    ['c', 0],
  ]);
});

// oracle 4
test('a tie goes to the module that stands first', () => {
  const ratios = [0.4, 0.2];
  const ranks = distributed(
    ['q', 'k', 'v'].map((module) => ({ module, ratios })),
    4,
  );
  expect([...ranks.values()]).toEqual([2, 1, 1]);
});

test('components without variance get no rank, and what is left of the budget stays', () => {
  const ranks = distributed(
    [
      { module: 'a', ratios: [0.9, 1e-15] },
      { module: 'b', ratios: [0, 0] },
    ],
    4,
  );
  expect([...ranks.values()]).toEqual([1, 0]);
});

const falling = fc
  .array(fc.double({ min: 1e-9, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
  .map((ratios) => ratios.sort((x, y) => y - x));

// oracle 4
test('the budget is spent, no module gets more than it has, and the first of equal inputs gets most', () => {
  fc.assert(
    fc.property(fc.array(falling, { minLength: 1, maxLength: 5 }), fc.nat(8), (inputs, budget) => {
      const candidates = inputs.flatMap((ratios, i) => ['x', 'y'].map((half) => ({ module: `${i}${half}`, ratios })));
      const ranks = distributed(candidates, budget);
      const counts = [...ranks.values()];
      expect(counts.reduce((a, b) => a + b)).toBe(Math.min(budget, 4 * candidates.length));
      for (const count of counts) expect(count).toBeLessThanOrEqual(4);
      for (const i of inputs.keys()) {
        expect(ranks.get(`${i}x`)).toBeGreaterThanOrEqual(ranks.get(`${i}y`) as number);
      }
    }),
  );
});

// oracle 4
test('the order of modules decides nothing but which of those at the cut gets the tie', () => {
  fc.assert(
    fc.property(fc.array(falling, { minLength: 1, maxLength: 5 }), fc.nat(20), (inputs, budget) => {
      const candidates = inputs.flatMap((ratios, i) => ['x', 'y'].map((half) => ({ module: `${i}${half}`, ratios })));
      const [ranks, reversed] = [distributed(candidates, budget), distributed(candidates.toReversed(), budget)];
      const all = candidates.flatMap(({ ratios }) => ratios).sort((a, b) => b - a);
      const cut = all[budget - 1] ?? Number.NaN; // the last value that is taken
      for (const { module, ratios } of candidates) {
        const tied = ratios.filter((ratio) => ratio === cut).length;
        const apart = Math.abs((ranks.get(module) as number) - (reversed.get(module) as number));
        expect(apart).toBeLessThanOrEqual(tied);
      }
    }),
  );
});

// oracle 4
test('a budget of all components gives every module its own', () => {
  const candidates = ['a', 'b', 'c'].map((module, i) => ({ module, ratios: [0.5, 0.1 ** i] }));
  expect([...distributed(candidates, 6).values()]).toEqual([2, 2, 2]);
});

test.each([
  [3, 1.5, 4],
  [5, 1.5, 8],
  [8, 2, 16],
  [4, 1.1, 4],
  [7, 1.5, 10],
  [4, 1.2, 5],
])('rank %i with rho %d keeps %i components, as Python rounds', (rank, rho, components) => {
  expect(componentsFor(rank, rho)).toBe(components);
});
