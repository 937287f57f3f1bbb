import fc from 'fast-check';
import { expect, test } from 'vitest';
import { worked } from './sums.ts';

const number = fc.integer({ min: 0, max: 1999 });

test('columns are worked from the ones, with carries and borrows, as on paper', () => {
  expect(worked(37, '+', 58)).toBe('7+8=15 3+5+1=9 so 95');
  expect(worked(52, '-', 38)).toBe('12-8=4 5-3-1=1 so 14');
  expect(worked(9, '+', 991)).toBe('9+1=10 0+9+1=10 0+9+1=10 so 1000');
  expect(worked(100, '-', 1)).toBe('10-1=9 10-0-1=9 1-0-1=0 so 99');
});

test('every step of every sum is right, and so is the result', () => {
  fc.assert(
    fc.property(number, number, fc.boolean(), (one, other, adds) => {
      const [a, b] = [Math.max(one, other), Math.min(one, other)];
      const [steps = '', result] = worked(a, adds ? '+' : '-', b).split(' so ');
      expect(Number(result)).toBe(adds ? a + b : a - b);
      const digits = steps.split(' ').map((step) => {
        const [left = '', right] = step.split('=');
        const numbers = left.match(/[+-]?\d+/g)?.map(Number) ?? [];
        expect(
          numbers.reduce((sum, value) => sum + value, 0),
          step,
        ).toBe(Number(right));
        return Number(right);
      });
      expect(
        digits.reduce(
          (sum, digit, column) =>
            sum + (adds ? (digit >= 10 && column < digits.length - 1 ? digit - 10 : digit) : digit) * 10 ** column,
          0,
        ),
      ).toBe(Number(result));
    }),
    { seed: 1 },
  );
});
