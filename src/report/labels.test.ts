import { expect, test } from 'vitest';
import { placeLabels } from './labels.ts';

const frame = { left: 0, top: 0, right: 200, bottom: 100 };
const sides = (...points: [x: number, y: number, width: number][]) =>
  placeLabels(
    points.map(([x, y, width]) => ({ x, y, width })),
    frame,
  );

test('a label stands at the right of its point, and at the left where the right is the edge', () => {
  expect(sides([50, 50, 40], [180, 50, 40])).toEqual([
    { index: 0, side: 'right' },
    { index: 1, side: 'left' },
  ]);
});

test('labels give way to points and to the labels before them', () => {
  expect(sides([50, 50, 40], [70, 50, 40]).map(({ side }) => side)).toEqual(['left', 'right']);
  expect(sides([50, 50, 40], [50, 55, 40]).map(({ side }) => side)).toEqual(['right', 'left']);
});

test('a label that fits nowhere is left away', () => {
  expect(sides([100, 50, 500])).toEqual([]);
  expect(sides(...Array.from({ length: 5 }, () => [50, 50, 40] as [number, number, number]))).toHaveLength(4);
});
