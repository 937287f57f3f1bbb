import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const built = join(root, 'dist', 'cli');
const bin = join(built, 'main.js');

test('the built command line answers --help at once', () => {
  const times = Array.from({ length: 5 }, () => {
    const begun = performance.now();
    expect(spawnSync(process.execPath, [bin, '--help'], { encoding: 'utf8' }).stdout).toContain('Usage: cria');
    return performance.now() - begun;
  }).sort((a, b) => a - b);
  expect(times[2]).toBeLessThan(400); // under 150 ms on an idle machine, but the tests keep it busy
});

test('a wrong verb ends the process with 2 and nothing on stdout', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'nonsense', '--json'], { encoding: 'utf8' });
  expect({ status, stdout, stderr: stderr.split('\n').length }).toEqual({ status: 2, stdout: '', stderr: 2 });
});

test('a reader that closes the pipe ends the process quietly', async () => {
  const child = spawn(process.execPath, [bin, '--help']);
  child.stdout.destroy();
  let told = '';
  child.stderr.on('data', (part) => {
    told += part;
  });
  const [code] = await once(child, 'exit');
  expect({ code, told }).toEqual({ code: 0, told: '' });
});

test('the first Ctrl-C asks to stop, an echo of it changes nothing, the second stops at once', async () => {
  const url = pathToFileURL(join(built, 'interrupt.js')).href;
  const script = `
    import { interruptSignal } from '${url}';
    const signal = interruptSignal(console.log, () => process.exit(130));
    setInterval(() => {}, 1000);
    console.log('ready');
    signal.addEventListener('abort', () => console.log('aborted'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  let told = '';
  child.stdout.on('data', (part) => {
    told += part;
  });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await sleep(100);
  child.kill('SIGINT');
  await sleep(900);
  expect(told).toBe('ready\nstopping; Ctrl-C again stops at once\naborted\n');
  expect(child.exitCode).toBeNull();
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([130, null]);
});

test('npm run cria leaves stdout to the verb', { timeout: 120_000 }, () => {
  const { stdout } = spawnSync('npm run cria -- --version', { cwd: root, shell: true, encoding: 'utf8' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
