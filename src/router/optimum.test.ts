import { expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { frontier, type HistoryNode, leastCost, type Operating } from './optimum.ts';
import { historiesOf, presets } from './presets.ts';

const easyHard = frontier(historiesOf(presets['easy-hard'] as (typeof presets)[string]));

test('oracle 8: the optimum of easy and hard questions, by hand', () => {
  expect(easyHard.map(({ cost, coverage }) => [cost, Number(coverage.toFixed(12))])).toEqual([
    [1, 0.825],
    [1.5, 0.975],
    [2, 1],
  ]);
  expect(leastCost(easyHard, 0.9)).toBeCloseTo(1.25, 12);
  expect(leastCost(easyHard, 0.965)).toBeCloseTo(1.466667, 6);
  expect((leastCost(easyHard, 0.91) - leastCost(easyHard, 0.9)) / 0.01).toBeCloseTo(3.333, 3); // the shadow price
  expect([leastCost(easyHard, 0.5), leastCost(easyHard, 1), leastCost(easyHard, 1.01)]).toEqual([1, 2, Infinity]);
});

/** Every policy that stops by the history, as its cost and coverage: two to the number of inner nodes. */
function everyPolicy(roots: readonly HistoryNode[]): Operating[] {
  const ofNode = ({ reach, covered, cost, children }: HistoryNode): Operating[] => {
    const entering = reach * cost;
    const on = children.length > 0 ? everyPolicy(children) : [];
    return [
      { cost: entering, coverage: covered },
      ...on.map((below) => ({ cost: entering + below.cost, coverage: below.coverage })),
    ];
  };
  return roots
    .map(ofNode)
    .reduce((sums, options) =>
      sums.flatMap((sum) =>
        options.map((each) => ({ cost: sum.cost + each.cost, coverage: sum.coverage + each.coverage })),
      ),
    );
}

test('the frontier is the lower hull of every policy, on random trees', () => {
  const random = randomFrom(1);
  const grow = (reach: number, seen: number, depth: number): HistoryNode => {
    const covered = seen + (reach - seen) * random();
    const parts = depth < 2 ? [random(), random()] : [];
    const sum = parts.reduce((a, b) => a + b, 0);
    const children = parts.map((part) => grow((reach * part) / sum, (covered * part) / sum, depth + 1));
    return { reach, covered, cost: 0.2 + random(), children };
  };
  for (let trial = 0; trial < 30; trial++) {
    const roots = [grow(0.4, 0, 1), grow(0.6, 0, 1)];
    const corners = frontier(roots);
    const policies = everyPolicy(roots);
    for (const coverage of [0.3, 0.5, 0.7, 0.9].filter((each) => each < (corners.at(-1) as Operating).coverage)) {
      // the least cost of a mixture of two policies, by exhaustion
      const mixtures = policies.flatMap((low) =>
        policies.flatMap((high) => {
          if (low.coverage > coverage || high.coverage < coverage) return low.coverage >= coverage ? [low.cost] : [];
          const share = high.coverage === low.coverage ? 0 : (coverage - low.coverage) / (high.coverage - low.coverage);
          return [low.cost + share * (high.cost - low.cost)];
        }),
      );
      expect(leastCost(corners, coverage)).toBeCloseTo(Math.min(...mixtures), 9);
    }
  }
});

test('histories of a preset are everything that can happen', () => {
  for (const preset of Object.values(presets)) {
    const roots = historiesOf(preset);
    expect(roots.reduce((sum, { reach }) => sum + reach, 0)).toBeCloseTo(1, 12);
    const check = ({ reach, covered, children }: HistoryNode): void => {
      expect(covered).toBeLessThanOrEqual(reach + 1e-12);
      if (children.length > 0) expect(children.reduce((sum, child) => sum + child.reach, 0)).toBeCloseTo(reach, 12);
      for (const child of children) check(child);
    };
    for (const root of roots) check(root);
  }
});
