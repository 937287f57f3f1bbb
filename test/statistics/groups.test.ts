import { describe, expect, test } from 'vitest';
import {
  anova,
  brownForsythe,
  criticalDifference,
  dunn,
  friedman,
  gamesHowell,
  hedgesG,
  holm,
  kruskalWallis,
  pairedT,
  repeatedMeasures,
  shapiroWilk,
  tukey,
  welchAnova,
  welchT,
} from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

const { samples, tests } = golden;
const [first = [], second = []] = samples.groups;
const [one = [], two = []] = samples.paired;

describe('three groups (1,2,3), (4,5,6), (7,8,9), by hand', () => {
  const groups = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ];

  test('Kruskal and Wallis: H 7.2, p exp(-3.6), epsilon^2 .9, eta^2 of H .866667', () => {
    const { statistic, p, epsilon2, etaH2 } = kruskalWallis(groups);
    expectNear(statistic, 7.2, 1e-12);
    expectNear(p, Math.exp(-3.6), 1e-12);
    expectNear(epsilon2, 0.9, 1e-12);
    expectNear(etaH2, 5.2 / 6, 1e-12);
  });

  test('analysis of variance: F(2, 6) = 27, p .001, eta^2 .9, omega^2 52/61', () => {
    const { statistic, df1, df2, p, eta2, omega2 } = anova(groups);
    expect([statistic, df1, df2]).toEqual([27, 2, 6]);
    expectNear(p, 0.001, 1e-12);
    expectNear(eta2, 0.9, 1e-12);
    expectNear(omega2, 52 / 61, 1e-12);
  });

  test('Tukey: q 10.392305 for the outer pair', () => {
    const [adjacent, outer] = tukey(groups);
    expectNear(outer?.statistic, 6 * Math.sqrt(3), 1e-12);
    expect(outer?.p).toBeCloseTo(0.000794, 6);
    expect(adjacent?.p).toBeCloseTo(0.024229, 6);
  });

  test('Dunn: z 6 / sqrt 5 and half of it, adjusted by Holm', () => {
    const pairs = dunn(groups);
    expect(pairs.map(({ first, second }) => [first, second])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expectNear(pairs[1]?.statistic, -6 / Math.sqrt(5), 1e-12);
    expectNear(pairs[1]?.p, 0.0072904, 1e-5);
    expectNear(pairs[0]?.p, 0.1797125, 1e-6);
    const adjusted = holm(pairs.map(({ p }) => p));
    expectNear(adjusted[1], 0.0218711, 1e-5);
    expectNear(adjusted[0], 0.359425, 1e-6);
  });
});

test('ties correct H: (1,2,2,3) beside (2,3,3,4) is 2.302632, p erfc(sqrt(H / 2))', () => {
  const { statistic, p } = kruskalWallis([
    [1, 2, 2, 3],
    [2, 3, 3, 4],
  ]);
  expectNear(statistic, 2.0833333333333335 / 0.9047619047619048, 1e-9);
  expectNear(p, 0.129155, 1e-5);
});

test('Brown and Forsythe: (1,2,3) beside (2,4,6) is W .8, p .421648', () => {
  const { statistic, p } = brownForsythe([
    [1, 2, 3],
    [2, 4, 6],
  ]);
  expectNear(statistic, 0.8, 1e-12);
  expectNear(p, 0.421648, 1e-5);
});

test('Friedman: four items in one order give chi-square 8, p exp(-4), W 1', () => {
  const { statistic, p, kendallW, meanRanks } = friedman([
    [1, 2, 3, 4],
    [2, 3, 4, 5],
    [3, 4, 5, 6],
  ]);
  expectNear(statistic, 8, 1e-12);
  expectNear(p, Math.exp(-4), 1e-12);
  expectNear(kendallW, 1, 1e-12);
  expect(meanRanks).toEqual([1, 2, 3]);
});

test('Nemenyi: six systems on 54 items differ beyond 1.0260', () => {
  expectNear(criticalDifference(6, 54), 2.8497 * Math.sqrt(42 / 324), 1e-4);
});

test("Welch's t: (1..5) beside (2,4..10) is -1.897367 with 5.882353 degrees of freedom, g -1.083871", () => {
  const [a, b] = [
    [1, 2, 3, 4, 5],
    [2, 4, 6, 8, 10],
  ] as const;
  const { statistic, df, p } = welchT(a, b);
  expectNear(statistic, -1.897367, 1e-6);
  expectNear(df, 6.25 / 1.0625, 1e-12);
  expectNear(p, 0.107531, 1e-5);
  expectNear(hedgesG(a, b), -1.2 * (1 - 3 / 31), 1e-12);
});

test('Shapiro and Wilk: the published example gives W .78881 and p .006704', () => {
  const result = shapiroWilk([148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236]);
  expect(result?.statistic).toBeCloseTo(0.78881, 5);
  expect(result?.p).toBeCloseTo(0.006704, 6);
});

test.each([
  ['small', samples.small],
  ['tied', samples.tied],
  ['skewed', samples.skewed],
  ...samples.groups.map((group, i) => [`group ${i}`, group] as const),
  ...samples.paired.map((group, i) => [`system ${i}`, group] as const),
] as const)("Shapiro and Wilk of the sample %s equal SciPy's", (name, values) => {
  const names = ['small', 'tied', 'skewed', 'group 0', 'group 1', 'group 2', 'system 0', 'system 1', 'system 2'];
  const [statistic, p] = tests.shapiro[names.indexOf(name)] as readonly [number, number];
  const result = shapiroWilk(values);
  expectNear(result?.statistic, statistic);
  expectNear(result?.p, p);
});

test('three values have a p in closed form; equal or few values have no shape', () => {
  expectNear(shapiroWilk([1, 2, 3])?.p, 1, 1e-6);
  expectNear(shapiroWilk([0, 0, 1])?.statistic, 0.75, 1e-12);
  expect(shapiroWilk([2, 2, 2, 2])).toBeUndefined();
  expect(shapiroWilk([1, 2])).toBeUndefined();
});

describe('beside SciPy and pingouin', () => {
  test('independent groups: analysis of variance, Welch, Kruskal and Wallis, Brown and Forsythe', () => {
    const classic = anova(samples.groups);
    expectNear(classic.statistic, tests.anova?.[0]);
    expectNear(classic.p, tests.anova?.[1]);
    const welch = welchAnova(samples.groups);
    expectNear(welch.statistic, tests.welchAnova?.[0]);
    expectNear(welch.p, tests.welchAnova?.[1]);
    expectNear(welch.df2, tests.welchAnova?.[2]);
    const ranked = kruskalWallis(samples.groups);
    expectNear(ranked.statistic, tests.kruskalWallis?.[0]);
    expectNear(ranked.p, tests.kruskalWallis?.[1]);
    const spread = brownForsythe(samples.groups);
    expectNear(spread.statistic, tests.brownForsythe?.[0]);
    expectNear(spread.p, tests.brownForsythe?.[1]);
  });

  test('pairs of groups: Tukey, Games and Howell, Dunn', () => {
    tukey(samples.groups).forEach(({ p }, i) => {
      expectNear(p, tests.tukey?.[i]);
    });
    gamesHowell(samples.groups).forEach(({ p }, i) => {
      expectNear(p, tests.gamesHowell?.[i]);
    });
    dunn(samples.groups).forEach(({ p }, i) => {
      expectNear(p, tests.dunn?.[i]);
    });
  });

  test('the same items: Friedman, repeated measures with Greenhouse and Geisser, t', () => {
    const ranked = friedman(samples.paired);
    expectNear(ranked.statistic, tests.friedman?.[0]);
    expectNear(ranked.p, tests.friedman?.[1]);
    const { statistic, epsilon, p, df1, df2 } = repeatedMeasures(samples.paired);
    expectNear(statistic, tests.repeatedMeasures?.[0]);
    expectNear(epsilon, tests.repeatedMeasures?.[2]);
    expectNear(p, tests.repeatedMeasures?.[3]);
    expectNear(df1 / epsilon, tests.repeatedMeasures?.[4], 1e-12);
    expectNear(df2 / epsilon, tests.repeatedMeasures?.[5], 1e-12);
    const t = pairedT(one, two);
    expectNear(t.statistic, tests.pairedT?.[0]);
    expectNear(t.p, tests.pairedT?.[1]);
    expectNear(t.dz * Math.sqrt(one.length), t.statistic, 1e-12);
  });

  test("Welch's t", () => {
    const { statistic, df, p } = welchT(first, second);
    expectNear(statistic, tests.welchT?.[0]);
    expectNear(p, tests.welchT?.[1]);
    expectNear(df, tests.welchT?.[2]);
  });
});

test('repeated measures of two systems are the square of the paired t', () => {
  const { statistic, epsilon, p } = repeatedMeasures([one, two]);
  const t = pairedT(one, two);
  expect(epsilon).toBe(1);
  expectNear(statistic, t.statistic ** 2, 1e-9);
  expectNear(p, t.p, 1e-9);
});

test('where nothing differs p is 1 and effects are 0, not NaN', () => {
  const same = [
    [2, 2, 2],
    [2, 2, 2],
    [2, 2, 2],
  ];
  expect(kruskalWallis(same)).toMatchObject({ statistic: 0, p: 1, epsilon2: 0 });
  expect(anova(same)).toMatchObject({ statistic: 0, p: 1, eta2: 0, omega2: 0 });
  expect(friedman(same)).toMatchObject({ statistic: 0, p: 1, kendallW: 0 });
  expect(repeatedMeasures(same)).toMatchObject({ statistic: 0, p: 1, eta2: 0, epsilon: 1 });
  expect(pairedT([2, 2], [2, 2])).toMatchObject({ statistic: 0, p: 1, dz: 0 });
  expect(hedgesG([2, 2], [2, 2])).toBe(0);
  for (const { p } of [...tukey(same), ...dunn(same)]) expect(p).toBe(1);
});
