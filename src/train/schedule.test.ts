import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rateFactor, type Schedule, schedules } from './schedule.ts';

const path = join(import.meta.dirname, '../../test/goldens/adamw.json');
const golden = JSON.parse(readFileSync(path, 'utf8')).schedules as Record<string, Record<string, number[]>>;

const all = (schedule: Schedule, steps: number, warmup: number) =>
  Array.from({ length: steps }, (_, step) => rateFactor(schedule, step, steps, warmup));

describe.each(['linear', 'cosine'] as const)('%s', (schedule) => {
  test('without warm-up, and behind it, is that of transformers', () => {
    for (const [warmup, factors] of Object.entries(golden[schedule] ?? {})) {
      const ours = all(schedule, factors.length, Number(warmup));
      for (let step = Number(warmup); step < factors.length; step++)
        expect(ours[step]).toBeCloseTo(factors[step] as number, 12);
    }
  });

  test('begins at 1, is a half in the middle, and ends just above 0', () => {
    const factors = all(schedule, 100, 0);
    expect(factors[0]).toBe(1);
    expect(factors[50]).toBeCloseTo(0.5, 12);
    expect(factors[99]).toBeCloseTo(schedule === 'linear' ? 0.01 : Math.sin(Math.PI / 200) ** 2, 12);
  });
});

test.each(schedules)(
  '%s rises in equal steps from above 0 to 1: transformers wastes a step on a rate of 0',
  (schedule) => {
    expect(all(schedule, 8, 3).slice(0, 4)).toEqual([0.25, 0.5, 0.75, 1]);
    expect(golden.linear?.['3']?.slice(0, 4)).toEqual([0, 1 / 3, 2 / 3, 1].map((x) => expect.closeTo(x, 12)));
  },
);

test('a warm-up longer than the run never reaches the rate, and one as long is no division by 0', () => {
  expect(all('cosine', 3, 5)).toEqual([1 / 6, 2 / 6, 3 / 6]);
  expect(all('linear', 3, 3)).toEqual([0.25, 0.5, 0.75]);
});

test('constant stays', () => {
  expect(new Set(all('constant', 9, 0))).toEqual(new Set([1]));
});
