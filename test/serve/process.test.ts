import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { asked, chat, endless, events, until } from './serving.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** `cria serve cria-tiny` as a process of its own that answers. */
async function running(...options: string[]) {
  const child: ChildProcess = spawn(process.execPath, [main, 'serve', 'cria-tiny', '--port', '0', ...options]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const written = { out: '', log: '' };
  child.stdout?.on('data', (data) => {
    written.out += data;
  });
  child.stderr?.on('data', (data) => {
    written.log += data;
  });
  const ended = new Promise<number | null>((done) => child.on('exit', done));
  await until(() => written.out.includes('\n'), 'it listens', 30);
  const [, url = ''] = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(written.out) ?? [];
  return { child, url, ended, log: () => written.log };
}

test('SIGTERM in the middle of streams: every promised token comes, and it exits with 0; keys are read again on SIGHUP', {
  timeout: 120_000,
}, async () => {
  const file = join(temporaryFolder(), 'keys');
  writeFileSync(file, 'first\n');
  chmodSync(file, 0o644);
  const { child, url, ended, log } = await running('--api-key-file', file, '--slots', '2', '--weights', 'f32');
  await until(() => log().includes('can be read by everybody'), 'the open key file is warned of');
  const ask = (key: string, body: object) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ ...chat, ...body }),
    });
  expect((await ask('second', {})).status).toBe(401);
  writeFileSync(file, 'second\n');
  child.kill('SIGHUP');
  await until(() => log().includes('reloaded the API keys'), 'the keys are read again');
  expect([(await ask('first', {})).status, (await ask('second', {})).status]).toEqual([401, 200]);
  const long = { max_tokens: 60, stream: true, ...endless };
  const streams = await Promise.all(Array.from({ length: 4 }, () => ask('second', long))); // two of them wait
  child.kill('SIGTERM');
  for (const stream of streams) expect(await events(stream)).toHaveLength(62); // the role, 60 tokens, the end
  expect(await ended).toBe(0);
  expect(log()).not.toMatch(/first|second|north/); // neither keys nor prompts
});

test.each([
  [[], 'a model is required'],
  [['nowhere'], 'nowhere'],
  [['cria-tiny', '--adapter', 'name'], '--adapter name is not NAME=FOLDER'],
  [['cria-tiny', '--api-key-file', 'nowhere'], 'nowhere: the key file cannot be read'],
  [['--backend', 'ftp://x'], 'is not an HTTP address'],
  [
    ['--backend', 'http://127.0.0.1:1', '--backend-key-env', 'CRIA_NOT_SET'],
    'CRIA_NOT_SET: the environment variable is not set',
  ],
  [['cria-tiny', '--slots', '0'], '--slots'],
  [['cria-tiny', 'cria-tiny'], 'two models are called cria-tiny'],
])('serve %j is refused in one sentence', async (argv, sentence) => {
  const { code, out, err } = await call(['serve', ...argv, '--port', '0']);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(sentence);
  expect(err.trim().split('\n')).toHaveLength(1);
});

test('a port in use is one sentence and exit code 2; the second SIGTERM ends a server at once', {
  timeout: 120_000,
}, async () => {
  const { child, url, ended } = await running();
  const { code, err } = await call(['serve', 'cria-tiny', '--port', new URL(url).port]);
  expect([code, err.trim()]).toEqual([2, expect.stringMatching(/the port \d+ is in use[^\n]*$/)]);
  await asked(url, '/v1/chat/completions', { ...chat, max_tokens: null, stream: true, ...endless, n: 8 });
  child.kill('SIGTERM');
  await new Promise((done) => setTimeout(done, 600)); // within half a second both are one
  expect(child.exitCode).toBe(null);
  child.kill('SIGTERM');
  expect(await ended).not.toBe(0);
});
