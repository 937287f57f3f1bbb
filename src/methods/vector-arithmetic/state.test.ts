import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { openState } from './state.ts';

const sums = { token: { done: 3, clean: 0.1, corrupted: 1 / 3, effects: [0.1, Math.PI], squares: [0, 1e-30] } };
const options = { prompts: 8, seed: 0, filler: undefined };

test('what was saved is resumed by the same options, number for number, and is gone when it is cleared', async () => {
  const out = join(temporaryFolder(), 'lens');
  await openState(out, options, false).save(sums);
  expect(openState(out, options, true).begun).toEqual(sums);
  expect(openState(out, options, false).begun).toBeUndefined();
  openState(out, options, true).clear();
  expect(existsSync(`${out}.state.json`)).toBe(false);
  expect(openState(out, options, true).begun).toBeUndefined();
});

test('other options and files of another kind are refused', async () => {
  const out = join(temporaryFolder(), 'lens');
  await openState(out, options, false).save(sums);
  expect(() => openState(out, { ...options, seed: 1 }, true)).toThrow('belongs to a run with other options');
  writeFileSync(`${out}.state.json`, 'null');
  expect(() => openState(out, options, true)).toThrow('belongs to a run with other options');
});
