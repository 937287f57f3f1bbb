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
