/** Child processes that measure, and what is made of their figures. */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Tells how far the run is. */
export function tell(sentence) {
  process.stderr.write(`bench: ${sentence}\n`);
}

/** Runs a program alone and reads the last line of its stdout as JSON. */
export async function resultOf(command, args) {
  const { stdout } = await run(command, args.map(String), { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** Seconds from starting a program to its end, or to the first byte on its stdout. */
export function secondsOf(command, args, until = 'end') {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    let first;
    const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.on('data', () => {
      first ??= seconds();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const measured = until === 'end' ? seconds() : first;
      if (code === 0 && measured !== undefined) resolve(measured);
      else reject(new Error(`${args.join(' ')} ended with ${code} after ${seconds().toFixed(1)} s`));
    });
  });
}

/** What `times` calls return, one after the other. */
export async function repeated(times, measure) {
  const results = [];
  for (let i = 0; i < times; i++) results.push(await measure(i));
  return results;
}

/** Arbitrary ids, the same for every peer. */
export function arbitraryIds(count) {
  return Array.from({ length: count }, (_, i) => 1000 + ((i * 7919) % 20000));
}

/**
 * Medians over the repeats of a generation, after one that is not counted. `generate` returns the seconds of its prompt,
 * with the first token, and of the tokens after it; peakRssMb is that of the process so far.
 */
export async function generationFigures(generate, { prompt, tokens, repeats }) {
  await generate();
  const runs = await repeated(repeats, generate);
  return {
    prompt,
    tokens,
    repeats,
    prefillTokensPerSecond: round(prompt / median(runs.map((run) => run.prefillSeconds))),
    decodeTokensPerSecond: round((tokens - 1) / median(runs.map((run) => run.decodeSeconds))),
    peakRssMb: round(process.resourceUsage().maxRSS / 1024),
  };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function round(value) {
  return Math.round(value * 10) / 10;
}

/** Median and spread as a table shows them: '91.2 (88.0 to 93.5)'. */
export function medianAndSpread(values, digits = 1, unit = '') {
  const text = (value) => value.toFixed(digits);
  if (values.length === 1) return `${text(values[0])}${unit}`;
  return `${text(median(values))}${unit} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

/** Runs every contender once a round: A B C, A B C. */
export async function interleaved(contenders, rounds) {
  const results = Object.fromEntries(Object.keys(contenders).map((key) => [key, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [key, { name, run }] of Object.entries(contenders)) {
      tell(`  round ${round} of ${rounds}: ${name}`);
      results[key].push(await run());
    }
  }
  return results;
}

/** The figure that compares the runs of two contenders, round by round; `least` is what is asked of the ratio. */
export function ratio(what, ours, theirs, field, least) {
  const asked = least === undefined ? {} : { asked: `at least ${least}x` };
  if (!theirs) return { what, measured: 'the peer is absent', ...asked };
  const ratios = ours.map((run, i) => run[field] / theirs[i][field]);
  const reached = least === undefined ? {} : { reached: median(ratios) >= least };
  return { what, measured: medianAndSpread(ratios, 2, 'x'), ...asked, ...reached };
}
