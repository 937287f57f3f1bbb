import { expect, test } from 'vitest';
import { refusalOf } from '../../../test/hostile.ts';
import { patternOf } from './pattern.ts';
import { effectivePreference, frontPreferences, merged, preferenceGrid, preferenceId, uniform } from './preference.ts';

// oracle 8
test.each([
  [
    [0.9, 0.1],
    [0.80498, 0.08944],
  ],
  [
    [0.72, 0.14, 0.14],
    [0.54834, 0.10662, 0.10662],
  ],
  [
    [0.7, 0.2, 0.1],
    [0.51913, 0.14832, 0.07416],
  ],
  [
    [0, 1],
    [0, 1],
  ],
  [uniform(3), [0, 0, 0]],
  [[1], [1]],
])('%j acts as %j', (preference, expected) => {
  for (const [i, x] of effectivePreference(preference, 0.5).entries()) expect(x).toBeCloseTo(expected[i] as number, 5);
});

// oracle 11
test.each([
  [2, 10, 11],
  [3, 7, 36],
  [4, 2, 10],
])('a grid over %i objectives in steps of 1/%i has %i points, and each sums to 1', (objectives, steps, count) => {
  const grid = preferenceGrid(objectives, steps);
  expect(grid).toHaveLength(count);
  for (const point of grid) expect(point.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(new Set(grid.map(preferenceId)).size).toBe(count);
});

test('a front holds the one-hot points and the uniform one', async () => {
  expect(frontPreferences(1)).toEqual([[1]]);
  expect(frontPreferences(2, 3)).toEqual([
    [1, 0],
    [0.5, 0.5],
    [0, 1],
  ]);
  expect(frontPreferences(2)).toHaveLength(11);
  expect(frontPreferences(3)).toHaveLength(10);
  expect(frontPreferences(2, 4).at(-1)).toEqual([0.5, 0.5]);
  expect(frontPreferences(3, 36)).toHaveLength(37);
  expect(await refusalOf(() => frontPreferences(3, 11))).toBe(
    '--points: a front over 3 objectives cannot have 11 points (use 10 or 15)',
  );
  expect(await refusalOf(() => frontPreferences(2, 1))).toContain('use 2');
});

test('one objective and the uniform preference are their weights to the bit (oracle 8), others are projected', () => {
  const of = (...data: number[]) => ({ rows: 1, columns: 4, data: Float32Array.from(data) });
  const sets = {
    shared: of(0.1, 0, 0.3, 0),
    own: [of(0.1, 0.7, 0, 0), of(0.2, 0, 0, 0.9)],
    core: Uint8Array.of(1, 0, 0, 0),
    scale: Float32Array.of(1, 1, 1, 1),
  };
  const pattern = patternOf({ kind: 'unstructured', share: 0.5 }, { rows: 1, columns: 4, alpha: 0.5 });
  expect(merged(sets, pattern, [1, 0], 0.5)).toBe(sets.own[0]);
  expect(merged(sets, pattern, [0, 1], 0.5)).toBe(sets.own[1]);
  expect(merged(sets, pattern, [0.5, 0.5], 0.5)).toBe(sets.shared);
  const [a, b] = effectivePreference([0.75, 0.25], 0.5) as [number, number];
  const { data } = merged(sets, pattern, [0.75, 0.25], 0.5);
  expect([...data].map((x) => Number(x.toFixed(5)))).toEqual([
    Number((0.1 + b * 0.1).toFixed(5)),
    Number((0.7 * a).toFixed(5)),
    0,
    0,
  ]);
});
