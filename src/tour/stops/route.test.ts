import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { silent } from '../../base/index.ts';
import type { Visit } from '../stop.ts';
import { route } from './route.ts';

test('the stop shows a cost between the optimum and every round', { timeout: 60_000 }, async () => {
  const said: string[] = [];
  const visit = { scratch: temporaryFolder(), seed: 0, progress: silent, signal: new AbortController().signal };
  const { figures, parts } = await route.visit({
    ...visit,
    say: (line: string) => said.push(line),
  } as unknown as Visit);
  const { cost, coverage } = figures as { cost: number; coverage: { value: number } };
  expect(cost).toBeLessThan(1.6);
  expect(coverage.value).toBeGreaterThan(0.85);
  expect([said.length, parts.length]).toEqual([2, 2]);
});
