import { expect, test } from 'vitest';
import { adaptiveCalibrationError, expectedCalibrationError } from '../../src/statistics/index.ts';

const predictions = [
  { confidence: 0.9, correct: true },
  { confidence: 0.8, correct: false },
  { confidence: 0.3, correct: false },
  { confidence: 0.1, correct: true },
];

test('two bins by hand: gaps 0.35 and 0.3 over two predictions each', () => {
  // (0, 0.5]: accuracy 1/2, confidence 0.2; (0.5, 1]: accuracy 1/2, confidence 0.85
  expect(expectedCalibrationError(predictions, 2)).toBeCloseTo((0.35 + 0.3) / 2, 12);
  expect(adaptiveCalibrationError(predictions, 2)).toBeCloseTo((0.35 + 0.3) / 2, 12);
});

test('bins of equal numbers differ from bins of equal width where confidences crowd', () => {
  const crowded = [0.91, 0.92, 0.98, 0.99].map((confidence, i) => ({ confidence, correct: i >= 2 }));
  expect(expectedCalibrationError(crowded, 2)).toBeCloseTo(0.45, 12);
  expect(adaptiveCalibrationError(crowded, 2)).toBeCloseTo((0.915 + 0.015) / 2, 12);
});

test('certain and right is calibrated; an edge belongs to the bin below it', () => {
  expect(expectedCalibrationError([{ confidence: 1, correct: true }])).toBe(0);
  const edge = [
    { confidence: 0.5, correct: true },
    { confidence: 0.4, correct: false },
  ];
  expect(expectedCalibrationError(edge, 2)).toBeCloseTo(0.05, 12);
});
