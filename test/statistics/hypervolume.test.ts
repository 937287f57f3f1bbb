import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dominated, hypervolume } from '../../src/statistics/index.ts';

test('closed forms: a box, a staircase, three overlapping boxes', () => {
  expect(hypervolume([[1, 2, 3, 4]], [2, 4, 6, 8])).toBe(1 * 2 * 3 * 4);
  expect(
    hypervolume(
      [
        [1, 3],
        [2, 2],
        [3, 1],
      ],
      [4, 4],
    ),
  ).toBe(6);
  expect(
    hypervolume(
      [
        [0, 1, 1],
        [1, 0, 1],
        [1, 1, 0],
      ],
      [2, 2, 2],
    ),
  ).toBe(4);
});

test('points at or beyond the reference add nothing; no points, no volume', () => {
  expect(
    hypervolume(
      [
        [1, 4],
        [5, 0],
        [2, 2],
      ],
      [4, 4],
    ),
  ).toBe(4);
  expect(hypervolume([], [1, 1])).toBe(0);
});

const front = fc.integer({ min: 2, max: 4 }).chain((objectives) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: objectives, maxLength: objectives }), {
    maxLength: 12,
  }),
);

test('on a grid it is the number of cells that some point dominates', () => {
  fc.assert(
    fc.property(front, (points) => {
      const objectives = points[0]?.length ?? 2;
      const cells = Array.from({ length: 5 ** objectives }, (_, cell) =>
        Array.from({ length: objectives }, (_, i) => Math.floor(cell / 5 ** i) % 5),
      );
      const counted = cells.filter((cell) => points.some((p) => p.every((x, i) => x <= (cell[i] as number)))).length;
      expect(hypervolume(points, new Array(objectives).fill(5))).toBe(counted);
    }),
    { numRuns: 60 },
  );
});

test('dominated points add nothing, and equal ones do not dominate each other', () => {
  const points = [
    [1, 3],
    [2, 2],
    [2, 3],
    [1, 3],
  ];
  expect(dominated(points)).toEqual([false, false, true, false]);
  expect(hypervolume(points, [4, 4])).toBe(hypervolume(points.slice(0, 2), [4, 4]));
});
