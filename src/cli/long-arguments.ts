import { spawn } from 'node:child_process';
import { CriaError } from '../base/index.ts';

/**
 * ONNX Runtime reads the process's command line with a pattern that recurses: at 28,000 bytes it ends the process
 * (SIGSEGV), when a session is made.
 */
const mostBytes = 16_000;

/** Verbs that make no session, and take long arguments as they are. */
const withoutSession = new Set(['tokenize']);

/**
 * Undefined for a command line that is short enough. Else the prompt of `generate`, where that is what is long, goes to a
 * process of its own by standard input, and its exit code is returned.
 * @throws CriaError when something else is long.
 */
export async function runWithShortArguments(argv: readonly string[]): Promise<number | undefined> {
  const bytes = argv.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (bytes <= mostBytes || withoutSession.has(argv[0] ?? '')) return undefined;
  const at = longest(argv);
  const prompt = argv[at] as string;
  const isPrompt = argv[0] === 'generate' && at > 1 && !isOption(argv[at - 1] as string) && !isOption(prompt);
  if (!isPrompt || bytes - Buffer.byteLength(prompt) > mostBytes) {
    const remedy = 'put long text in a file: generate takes --file F, or - for standard input';
    throw new CriaError(`the command line has ${bytes} bytes, more than ${mostBytes}`, { remedy });
  }
  return runAnew([...argv.slice(0, at), '-', ...argv.slice(at + 1)], prompt);
}

const longest = (argv: readonly string[]): number =>
  argv.reduce((best, word, i) => (word.length > (argv[best] as string).length ? i : best), 0);

/** An option that takes the next word: one that is spelled without a value, and is no flag that generate has. */
const isOption = (word: string): boolean => word.startsWith('--') && !/^--(chat|json|quiet)?$/.test(word);

function runAnew(argv: readonly string[], input: string): Promise<number> {
  const [node, main] = [process.execPath, process.argv[1] as string];
  const child = spawn(node, [...process.execArgv, main, ...argv], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.on('error', () => undefined); // it has ended, and tells why by its exit code
  child.stdin.end(input);
  // a terminal tells both processes of Ctrl-C; other signals reach this one alone
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code ?? 1));
  });
}
