import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';

interface Golden {
  readonly distributions: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly clopperPearson: readonly (readonly [number, number, number, number, number])[];
  readonly mcnemar: readonly (readonly [number, number, number])[];
  readonly samples: {
    readonly paired: readonly number[][];
    readonly groups: readonly number[][];
    readonly small: readonly number[];
    readonly tied: readonly number[];
    readonly skewed: readonly number[];
  };
  readonly tests: Readonly<Record<string, readonly number[]>> & { readonly shapiro: readonly [number, number][] };
  readonly bca: readonly { readonly data: readonly number[]; readonly low: number; readonly high: number }[];
}

/** Values of SciPy, pingouin and scikit-posthocs, made by test/goldens/make_statistics.py. */
export const golden: Golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../goldens/statistics.json'), 'utf8'),
);

/** Equal to a relative difference: six digits without another one. */
export function expectNear(value: number | undefined, expected: number | undefined, relative = 1e-6): void {
  const difference = Math.abs((value as number) - (expected as number));
  expect(difference, `${value} beside ${expected}`).toBeLessThanOrEqual(
    relative * Math.abs(expected as number) + 1e-300,
  );
}
