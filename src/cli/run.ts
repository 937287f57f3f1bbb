import { CommanderError } from 'commander';
import { CriaError, messageOf } from '../base/index.ts';
import type { VerbEntry } from '../options/index.ts';
import { type Call, parse } from './program.ts';
import { type Output, showProgress } from './progress.ts';

/** What the command line is connected to. */
export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted when the user asks to stop. */
  readonly signal: AbortSignal;
  /** Runs a command line that is too long for this process in another; undefined for one that is not. */
  readonly elsewhere?: (argv: readonly string[]) => Promise<number | undefined>;
  /** Print the stack of errors. */
  readonly debug: boolean;
}

const exitCode = { done: 0, failed: 1, wrongInput: 2, interrupted: 130 };

/** Runs one command line and returns its exit code: 0 done, 1 it failed, 2 wrong input, 130 interrupted. */
export async function run(
  argv: readonly string[],
  entries: readonly VerbEntry[],
  surroundings: Surroundings,
): Promise<number> {
  const { stdout, stderr, signal, debug } = surroundings;
  try {
    const code = await surroundings.elsewhere?.(argv);
    if (code !== undefined) return code;
    const call = await parse(argv, entries, (text) => stdout.write(text));
    await perform(call, surroundings);
    return signal.aborted && !call.verb.endsBySignal ? exitCode.interrupted : exitCode.done;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCode.done;
    const [code, sentence] = isInterruption(error, signal) ? [exitCode.interrupted, 'interrupted'] : explain(error);
    stderr.write(`cria: ${sentence.replace(/\s*\n\s*/g, ' ')}\n`);
    if (debug && error instanceof Error) stderr.write(`${error.stack}\n`);
    return code;
  }
}

/** Whether an error says no more than that the user has asked to stop: what went wrong meanwhile is told. */
const isInterruption = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));

async function perform({ verb, args, options }: Call, { stdout, stderr, signal }: Surroundings): Promise<void> {
  const { json, quiet } = options;
  const progress = showProgress(stderr, quiet);
  const print = (text: string) => {
    if (json) return;
    progress.clear();
    stdout.write(text);
  };
  try {
    let refusal: CriaError | undefined;
    const refuse = (error: CriaError) => {
      refusal = error;
    };
    const result = await verb.run({ args, options, progress, signal, print, refuse });
    if (json) stdout.write(`${JSON.stringify(result, plain)}\n`);
    if (refusal) throw refusal;
  } finally {
    progress.clear();
  }
}

/** The exit code of an error, and the sentence to print. */
function explain(error: unknown): [code: number, sentence: string] {
  if (error instanceof CriaError) {
    return [error.kind === 'input' ? exitCode.wrongInput : exitCode.failed, error.message];
  }
  if (error instanceof CommanderError) {
    const sentence = error.message.replace(/^error: /, '');
    const help = sentence.includes('Did you mean') ? '' : ' (see --help)';
    return [exitCode.wrongInput, sentence + help];
  }
  return [exitCode.failed, `unexpected: ${messageOf(error)} (CRIA_DEBUG=1 shows where)`];
}

/** JSON has neither typed arrays nor integers of 64 bits: they become lists and numbers. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : value;
}
