import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../base/index.ts';
import { cholesky, orthonormalizer } from './cholesky.ts';
import { matrix, multiply, transposed } from './matrix.ts';

test('L L^T is the matrix, as in the example of Golub and Van Loan', () => {
  const a = matrix(3, 3, [4, 12, -16, 12, 37, -43, -16, -43, 98]);
  expect([...cholesky(a).data]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3]);
});

test('rows are made orthonormal', () => {
  const random = normalFrom(randomFrom(2));
  const rows = matrix(
    7,
    9,
    Array.from({ length: 63 }, () => random()),
  );
  const made = multiply(orthonormalizer(multiply(rows, transposed(rows))), rows);
  const products = multiply(made, transposed(made));
  for (const [i, x] of products.data.entries()) expect(x).toBeCloseTo(i % 8 === 0 ? 1 : 0, 12);
});

test('a row that depends on those before it becomes 0', () => {
  const rows = matrix(3, 2, [1, 0, 2, 0, 1, 3]);
  const made = multiply(orthonormalizer(multiply(rows, transposed(rows))), rows);
  expect([...made.data]).toEqual([1, 0, 0, 0, 0, 1]);
});
