import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../base/index.ts';
import { driftOver, driftWatch, falseAlarmRate } from './drift.ts';

describe('drift', () => {
  const misses = (rows: number, rate: number, random: () => number) =>
    Array.from({ length: rows }, () => random() < rate);

  test.each([0.05, 0.1, 0.2])('at alpha %d at most 1 of 100 stationary runs of 2,000 rows alarms', (alpha) => {
    const watch = driftWatch(alpha);
    expect(falseAlarmRate(watch, 2000)).toBeLessThanOrEqual(0.005);
    const random = randomFrom(3);
    const alarms = Array.from({ length: 100 }, () => driftOver(misses(2000, alpha, random), watch).alarm);
    expect(alarms.filter(Boolean).length).toBeLessThanOrEqual(1);
  });

  test('a fall of accuracy by 10 points is noticed within 300 audited rows in most runs', () => {
    const [watch, random] = [driftWatch(0.1), randomFrom(4)];
    const delays = Array.from({ length: 400 }, () => {
      const { at } = driftOver([...misses(500, 0.1, random), ...misses(1000, 0.2, random)], watch);
      return (at ?? Infinity) - 500;
    });
    expect(delays.filter((delay) => delay <= 300).length / 400).toBeGreaterThan(0.75);
    expect(delays.sort((a, b) => a - b)[200]).toBeLessThanOrEqual(300);
  });

  test('the exact false alarm rate is that of simulated rows', () => {
    const watch = { limit: 100, missPoints: 47, hitPoints: 8, level: 0.1 };
    const random = randomFrom(5);
    const alarms = Array.from({ length: 4000 }, () => driftOver(misses(30, 0.1, random), watch).alarm);
    const share = alarms.filter(Boolean).length / 4000;
    expect(Math.abs(share - falseAlarmRate(watch, 30))).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 4000));
  });

  test('rows that were not audited count in the place and tell nothing', () => {
    const watch = driftWatch(0.1);
    const missed = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? undefined : true));
    expect(driftOver(missed, watch).at).toBe(2 * Math.ceil(watch.limit / watch.missPoints));
  });
});
