import { expect, test } from 'vitest';
import { value } from '../../engine/index.ts';
import { countedRows, openRowTaker } from './rows.ts';

const text = (...ids: number[]) => ({ ids, lossMask: undefined });

test('padding and tokens that are not learned are left out', () => {
  const answered = { ids: [1, 2, 3], lossMask: [false, true, true] };
  expect(countedRows([text(5, 6), answered])).toEqual({ rows: [0, 1, 4, 5], all: false });
});

test('texts of one length count as they are', () => {
  expect(countedRows([text(1, 2), text(3, 4)])).toEqual({ rows: [0, 1, 2, 3], all: true });
});

test('virtual tokens in front do not count', () => {
  expect(countedRows([text(1), text(2, 3)], 2)).toEqual({ rows: [2, 6, 7], all: false });
});

test('the rows that count are taken out of activations, in their order', async () => {
  const taker = await openRowTaker({ threads: 1 });
  const x = value(
    'f32',
    [2, 2, 3],
    Float32Array.from({ length: 12 }, (_, i) => i),
  );
  const some = await taker.take(x, { rows: [0, 3], all: false });
  expect(some).toEqual({ rows: 2, columns: 3, data: Float32Array.of(0, 1, 2, 9, 10, 11) });
  const all = await taker.take(x, { rows: [0, 1, 2, 3], all: true });
  expect(all).toEqual({ rows: 4, columns: 3, data: x.data });
  await taker.dispose();
});
