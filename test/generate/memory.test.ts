import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { goldenPath } from '../model/goldens.ts';

const script = resolve(import.meta.dirname, '../../bench/steady-memory.mjs');

const title = '500 texts of varied lengths leave the memory as it was: %s';

// seconds on an idle machine, but the tests keep it busy
test.each(['llama', 'gemma3'])(title, { timeout: 180_000 }, async (name) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, goldenPath(name)]);
  const { ratio, samples } = JSON.parse(stdout);
  expect(samples).toHaveLength(100);
  expect(ratio).toBeLessThan(1.05);
});
