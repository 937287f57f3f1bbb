import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { serialized } from './serialized.ts';

test('calls run one after the other, in order, also after one has failed', async () => {
  let running = 0;
  const order: number[] = [];
  const work = serialized(async (i: number) => {
    expect(++running).toBe(1);
    await setTimeout(3 - i);
    order.push(i);
    running--;
    if (i === 1) throw new Error('one fails');
    return i * 10;
  });
  const results = await Promise.allSettled([work(0), work(1), work(2)]);
  expect(order).toEqual([0, 1, 2]);
  expect(results.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
