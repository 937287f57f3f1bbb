import { expect, test } from 'vitest';
import { omnibusTest, oneSampleTests, pairTests } from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

const { samples, tests } = golden;
const drawing = { seed: 0, resamples: 200 };

/** Values by system and item: the same items for all, or items of their own. */
const valuesOf = (groups: readonly (readonly number[])[], shared: boolean) =>
  new Map(
    groups.map((group, k) => [`s${k}`, new Map(group.map((value, i) => [shared ? `${i}` : `${k} ${i}`, value]))]),
  );

test('the same items, differences that look normal: repeated measures, pairs by Wilcoxon and Holm', () => {
  const values = valuesOf(samples.paired, true);
  const omnibus = omnibusTest(values);
  expect(omnibus).toMatchObject({ test: 'anova-rm', n: 30, difference: null });
  expectNear(omnibus?.p, tests.repeatedMeasures?.[3]);
  const pairs = pairTests(values, drawing);
  expect(pairs.map(({ systems }) => systems.join())).toEqual(['s0,s1', 's0,s2', 's1,s2']);
  const [smallest] = pairs.toSorted((a, b) => a.p - b.p);
  expectNear(smallest?.pAdjusted, 3 * (smallest?.p ?? 0), 1e-12);
});

test('a skewed difference: Friedman', () => {
  const skewed = [samples.skewed, samples.skewed.map((value) => value ** 2), samples.skewed.map((value) => value ** 3)];
  const omnibus = omnibusTest(valuesOf(skewed, true));
  expect(omnibus?.test).toBe('friedman');
});

test('items of their own, normal with unequal variances: Welch, and Games and Howell', () => {
  const values = valuesOf(samples.groups, false);
  const omnibus = omnibusTest(values);
  expect(omnibus).toMatchObject({ test: 'welch', n: 45 });
  expectNear(omnibus?.p, tests.welchAnova?.[1]);
  pairTests(values, drawing).forEach(({ test: name, p, pAdjusted, effect, difference, low, high }, i) => {
    expect([name, effect.name]).toEqual(['games-howell', 'cliff-delta']);
    expectNear(p, tests.gamesHowell?.[i]);
    expect(pAdjusted).toBe(p);
    expect(low).toBeLessThanOrEqual(difference as number);
    expect(high).toBeGreaterThanOrEqual(difference as number);
  });
});

test('items of their own and not normal: Kruskal and Wallis, and Dunn by Holm', () => {
  const values = valuesOf([samples.skewed, samples.tied, [0, 0, 0, 0, 9]], false);
  expect(omnibusTest(values)?.test).toBe('kruskal-wallis');
  expect(pairTests(values, drawing).every(({ test: name }) => name === 'dunn')).toBe(true);
});

test('two systems have no omnibus test, and a pair without a common item is compared as groups', () => {
  const [a = [], b = []] = samples.groups;
  expect(omnibusTest(valuesOf([a, b], true))).toBeUndefined();
  const mixed = new Map([
    ...valuesOf([a, a.map((value) => value + 1)], true),
    ['s2', new Map(b.map((value, i) => [`b${i}`, value]))],
  ]);
  const [paired, first, second] = pairTests(mixed, drawing);
  expect(paired?.test).toMatch(/^wilcoxon/);
  for (const each of [first, second]) expect(['tukey', 'games-howell', 'dunn']).toContain(each?.test);
});

test('one sample: Wilcoxon of its values, drawn within strata', () => {
  const values = new Map([
    [
      'a',
      new Map([
        ['x', 1],
        ['y', 2],
        ['z', 3],
      ]),
    ],
    ['none', new Map<string, number>()],
  ]);
  const [only, ...others] = oneSampleTests(values, { ...drawing, stratumOf: (item) => item });
  expect(others).toEqual([]);
  expect(only).toMatchObject({ test: 'wilcoxon-exact', statistic: 0, p: 0.25, n: 3, difference: 2, low: 2, high: 2 });
});
