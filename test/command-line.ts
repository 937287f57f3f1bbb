import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { run } from '../src/cli/run.ts';
import type { VerbEntry } from '../src/options/verb.ts';
import { verbs } from '../src/verbs/index.ts';

/** Runs a command line in this process: its exit code and what it wrote. */
export async function call(
  argv: readonly string[],
  {
    entries = verbs,
    signal = new AbortController().signal,
    debug = false,
  }: { readonly entries?: readonly VerbEntry[]; readonly signal?: AbortSignal; readonly debug?: boolean } = {},
): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const stdout = { write: (part: string) => (written.out += part) };
  const stderr = { write: (part: string) => (written.err += part) };
  const code = await run(argv, entries, { stdout, stderr, signal, debug });
  return { code, ...written };
}

const main = resolve(import.meta.dirname, '../dist/cli/main.js');

/** Runs a command line in a process of its own, which is killed as soon as something is reached. */
export async function killedWhen(argv: readonly string[], isReached: () => boolean): Promise<void> {
  const child = spawn(process.execPath, [main, ...argv], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!isReached() && child.exitCode === null) await new Promise((done) => setTimeout(done, 2));
  child.kill('SIGKILL');
  await ended;
}
