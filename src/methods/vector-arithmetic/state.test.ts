import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { openState } from './state.ts';

const sums = { token: { done: 3, clean: 0.1, corrupted: 1 / 3, effects: [0.1, Math.PI], squares: [0, 1e-30] } };
const settings = { prompts: 8, seed: 0, filler: undefined };
const [fresh, resumed, forced] = [
  { resume: false, force: false },
  { resume: true, force: false },
  { resume: false, force: true },
];

test('what was saved is resumed with the same settings, number for number, and is gone when it is cleared', async () => {
  const out = join(temporaryFolder(), 'lens');
  await openState(out, settings, fresh).save(sums);
  expect(openState(out, settings, resumed).begun).toEqual(sums);
  openState(out, settings, resumed).clear();
  expect(existsSync(`${out}.state.json`)).toBe(false);
  expect(() => openState(out, settings, resumed)).toThrow('there is no unfinished run to resume');
});

test('what was saved is not lost by accident', async () => {
  const out = join(temporaryFolder(), 'lens');
  await openState(out, settings, fresh).save(sums);
  expect(() => openState(out, settings, fresh)).toThrow('lens.state.json: holds an unfinished run (--resume goes on');
  expect(openState(out, settings, forced).begun).toBeUndefined();
});

test('other settings and files of another kind are refused', async () => {
  const out = join(temporaryFolder(), 'lens');
  await openState(out, settings, fresh).save(sums);
  expect(() => openState(out, { ...settings, seed: 1 }, resumed)).toThrow('other options: seed was 0 and is 1');
  for (const content of ['null', '[]', '{"settings":{}}']) {
    writeFileSync(`${out}.state.json`, content);
    expect(() => openState(out, settings, resumed)).toThrow('is no saved state of a run');
  }
});
