#!/usr/bin/env node
import { messageOf, removeTemporaries } from '../base/index.ts';
import { verbs } from '../verbs/index.ts';
import { interruptSignal } from './interrupt.ts';
import { runWithShortArguments } from './long-arguments.ts';
import { run } from './run.ts';

const tell = (sentence: string) => process.stderr.write(`cria: ${sentence}\n`);

function leave(code: number): never {
  removeTemporaries();
  process.exit(code);
}

// Whoever read stdout has seen enough (`cria … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  leave(0);
});
process.on('uncaughtException', (error) => {
  tell(`unexpected: ${messageOf(error)}`);
  leave(1);
});

process.exitCode = await run(process.argv.slice(2), verbs, {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruptSignal(tell, () => leave(130)),
  elsewhere: runWithShortArguments,
  debug: process.env.CRIA_DEBUG === '1',
});
