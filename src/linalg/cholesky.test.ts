import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../base/index.ts';
import { cholesky, solveLower } from './cholesky.ts';
import { matrix, multiply, transposed } from './matrix.ts';

test('L L^T is the matrix, as in the example of Golub and Van Loan', () => {
  const a = matrix(3, 3, [4, 12, -16, 12, 37, -43, -16, -43, 98]);
  expect([...cholesky(a).data]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3]);
});

test('solving gives back what L was multiplied with', () => {
  const random = normalFrom(randomFrom(2));
  const b = matrix(
    7,
    7,
    Array.from({ length: 49 }, () => random()),
  );
  const lower = cholesky(multiply(b, transposed(b)));
  const back = solveLower(lower, multiply(lower, b));
  for (const [i, x] of back.data.entries()) expect(x).toBeCloseTo(b.data[i] as number, 10);
});

test('a row that depends on the others is left out: solving gives 0 for it', () => {
  const rows = matrix(3, 2, [1, 0, 2, 0, 1, 3]);
  const lower = cholesky(multiply(rows, transposed(rows)));
  expect([...solveLower(lower, rows).data]).toEqual([1, 0, 0, 0, 0, 1]);
});
