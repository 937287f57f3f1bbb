import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** What a run of the project's configuration over these test files ends with. */
function run(files: Record<string, string>): { status: number | null; lastLine: string | undefined } {
  const folder = mkdtempSync(join(tmpdir(), 'cria-tally-'));
  mkdirSync(join(folder, 'test'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'test', name), text);
  const parameters = ['run', '--globals', '--root', folder, '--config', join(root, 'vitest.config.ts')];
  const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { status, stdout } = spawnSync(process.execPath, [runner, ...parameters], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

test('a run ends with its tally: tests that failed, files that do not load, errors outside of tests', () => {
  const files = {
    'a.test.ts':
      "test('p', () => {}); test('q', () => {}); test.skip('s', () => {}); test.todo('t'); test('f', () => expect(1).toBe(2));",
    'b.test.ts': "import './nowhere.ts';",
    'c.test.ts':
      "test('p', () => { setTimeout(() => { throw new Error('late'); }); return new Promise((r) => setTimeout(r, 50)); });",
  };
  expect(run(files)).toEqual({ status: 1, lastLine: '3 passed, 3 failed, 2 skipped' });
});

test('a run where nothing was skipped says nothing of it', () => {
  expect(run({ 'a.test.ts': "test('p', () => {});" })).toEqual({ status: 0, lastLine: '1 passed, 0 failed' });
});
