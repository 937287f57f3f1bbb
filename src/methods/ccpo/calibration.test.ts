import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../base/index.ts';
import { orderStatistic } from './calibration.ts';
import { nextLevel, nextThreshold, stepSize } from './online.ts';

const draws = (count: number, random: () => number) => Array.from({ length: count }, random);

describe('oracle 3: coverage of the order statistic', () => {
  test('over fresh calibrations it is 1 - k / (n + 1)', () => {
    const random = randomFrom(1);
    let hits = 0;
    for (let trial = 0; trial < 20_000; trial++) {
      if (random() >= orderStatistic(draws(9, random), 0.2).kappa) hits++;
    }
    expect(hits / 20_000).toBeGreaterThan(0.7907);
    expect(hits / 20_000).toBeLessThan(0.8093);
  });

  test('of one calibration it lies in the band of its beta distribution', () => {
    const random = randomFrom(2);
    const { kappa } = orderStatistic(draws(999, random), 0.1);
    const hits = draws(10_000, random).filter((score) => score >= kappa).length / 10_000;
    expect(hits).toBeGreaterThan(0.8646);
    expect(hits).toBeLessThan(0.9299);
  });
});

/** The distance between miss rate and alpha after so many questions; `scoreAt` is the adversary. */
function onlineError(
  rows: number,
  eta: (k: number) => number,
  scoreAt: (k: number, kappa: number) => number,
  clamp = -Infinity,
): number {
  let [kappa, misses] = [0.1, 0];
  for (let k = 1; k <= rows; k++) {
    const missed = kappa > scoreAt(k, kappa);
    if (missed) misses++;
    kappa = Math.max(clamp, nextThreshold(kappa, missed, 0.1, eta(k)));
  }
  return misses / rows - 0.1;
}

describe('oracle 4: the online threshold', () => {
  const always = (_: number, kappa: number) => (kappa > 0 ? 0 : 1);
  const oneThenZero = (k: number) => (k < 100 ? 1 : 0);

  test.each([
    [200, 0.105],
    [2000, 0.0105],
  ])('constant steps, %i questions: within %d of alpha', (rows, bound) => {
    for (const adversary of [always, oneThenZero]) {
      expect(Math.abs(onlineError(rows, () => 0.05, adversary))).toBeLessThanOrEqual(bound);
    }
  });

  test.each([
    [200, 0.2402],
    [2000, 0.0956],
    [20_000, 0.0381],
  ])('decaying steps, %i questions: within %d', (rows, bound) => {
    for (const adversary of [always, oneThenZero]) {
      const error = onlineError(rows, (k) => stepSize(k, 1), adversary);
      expect(Math.abs(error)).toBeLessThanOrEqual(bound);
    }
  });

  test('a clamp from below at 0 would end the validity', () => {
    expect(
      onlineError(
        20_000,
        () => 1,
        () => 0.05,
        0,
      ),
    ).toBeCloseTo(0.4, 3); // misses every second question
    expect(
      Math.abs(
        onlineError(
          20_000,
          () => 1,
          () => 0.05,
        ),
      ),
    ).toBeLessThan(0.001);
  });

  test('levels of the alternative form, by hand', () => {
    const levels = [0.1];
    for (const missed of [true, false, false, true]) levels.push(nextLevel(levels.at(-1) as number, missed, 0.1, 0.05));
    expect(levels.slice(1).map((level) => Number(level.toFixed(6)))).toEqual([0.055, 0.06, 0.065, 0.02]);
    expect((0.1 - (levels[4] as number)) / (4 * 0.05)).toBeCloseTo(0.4, 12);
  });

  test.each([
    [100, 0.19],
    [1000, 0.019],
  ])('its level keeps the miss rate within the bound, %i questions: %d', (rows, bound) => {
    let [level, misses] = [0.1, 0];
    for (let k = 0; k < rows; k++) {
      const missed = level > 0; // an adversary that misses whenever the set is not everything
      if (missed) misses++;
      level = nextLevel(level, missed, 0.1, 0.05);
    }
    expect(Math.abs(misses / rows - 0.1)).toBeLessThanOrEqual(bound);
  });
});
