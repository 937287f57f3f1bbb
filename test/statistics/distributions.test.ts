import { expect, test } from 'vitest';
import * as statistics from '../../src/statistics/index.ts';
import { expectNear, golden } from './golden.ts';

const routines: Readonly<Record<string, (...values: number[]) => number>> = {
  normalCdf: statistics.normalCdf,
  normalTwoSided: statistics.normalTwoSided,
  normalQuantile: statistics.normalQuantile,
  tTwoSided: statistics.tTwoSided,
  fTail: statistics.fTail,
  chiSquareTail: statistics.chiSquareTail,
  binomialCdf: statistics.binomialCdf,
  betaQuantile: statistics.betaQuantile,
  studentizedRangeTail: statistics.studentizedRangeTail,
};

const rows = Object.entries(golden.distributions).flatMap(([name, values]) =>
  values.map((row) => [name, row.slice(0, -1), row.at(-1) as number] as const),
);

test.each(rows)("%s of %j is SciPy's %f, far tails too", (name, parameters, expected) => {
  const routine = routines[name] as (...values: number[]) => number;
  expectNear(routine(...parameters), expected, name === 'studentizedRangeTail' ? 1e-6 : 1e-9);
});

test('closed forms: F(2, 6) at 27 is 10^-3, chi-square of 2 degrees is exponential, the range of two is sqrt(2) |t|', () => {
  expectNear(statistics.fTail(27, 2, 6), 0.001, 1e-12);
  expectNear(statistics.chiSquareTail(7.2, 2), Math.exp(-3.6), 1e-12);
  for (const [t, df] of [
    [0.3, 4],
    [2.5, 9],
    [14, 21],
  ] as const) {
    expectNear(statistics.studentizedRangeTail(Math.SQRT2 * t, 2, df), statistics.tTwoSided(t, df), 1e-8);
  }
});

test('infinite statistics have p 0, and what is not a number stays so', () => {
  expect(statistics.tTwoSided(Number.NEGATIVE_INFINITY, 5)).toBe(0);
  expect(statistics.fTail(Number.POSITIVE_INFINITY, 2, 5)).toBe(0);
  expect(statistics.tTwoSided(Number.NaN, 5)).toBeNaN();
  expect(statistics.binomialCdf(-1, 5, 0.5)).toBe(0);
});
