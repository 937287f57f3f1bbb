import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { dataFile, linesIn, logIn, rows, tinyModel } from './tiny.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
const scratch = mkdtempSync(join(tmpdir(), 'cria-resume-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const [model, data, whole] = ['model', 'data.jsonl', 'whole'].map((name) => join(scratch, name)) as [
  string,
  string,
  string,
];
const steps = 40;
const how = [
  '--data',
  data,
  '--batch',
  '3',
  '--steps',
  String(steps),
  '--lr',
  '0.02',
  '--warmup',
  '4',
  '--threads',
  '1',
];
const options = [...how, '--weight-decay', '0.1', '--save-every', '7', '--accumulate', '2'];

beforeAll(async () => {
  await tinyModel({}, model);
  dataFile(rows.completion, data);
  expect((await call(['train', model, whole, ...options, '--quiet'])).code).toBe(0);
});

let out: string;
let log: string;
beforeEach(() => {
  out = join(temporaryFolder(), 'out');
  log = join(temporaryFolder(), 'log.jsonl');
});

const train = (...more: readonly string[]) => call(['train', model, out, ...options, ...more]);
const resumed = () => train('--resume', '--quiet');

/** Everything in a folder; what tells the command line is in cria.json and says where the log was. */
function bytesIn(folder: string): Record<string, string> {
  const entries = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')] as const);
  const { 'cria.json': provenance, ...files } = Object.fromEntries(entries);
  const { log: _, ...said } = JSON.parse(provenance as string).options;
  return { ...files, said: JSON.stringify(said) };
}

/** A training in a process of its own that gets a signal when so many steps are in the log, and how it ended. */
async function signalled(signal: 'SIGKILL' | 'SIGINT', afterSteps: number): Promise<[number | null, string | null]> {
  const argv = ['train', model, out, ...options, '--log', log, '--quiet'];
  const child = spawn(process.execPath, [main, ...argv], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const begun = () => (afterSteps === 0 ? existsSync(`${out}.training`) : linesIn(log) >= afterSteps);
  while (!begun() && child.exitCode === null) await new Promise((done) => setTimeout(done, 1));
  child.kill(signal);
  return (await ended) as [number | null, string | null];
}

// seconds on an idle machine, but the tests keep it busy
describe('a training that was', { timeout: 120_000 }, () => {
  test.each([0, 5, 20])('killed after step %i and resumed gives the bytes of one that ran through', async (after) => {
    expect(await signalled('SIGKILL', after)).toEqual([null, 'SIGKILL']);
    expect(existsSync(out)).toBe(false);
    expect(await resumed()).toMatchObject({ code: 0, err: '' });
    expect(bytesIn(out)).toEqual(bytesIn(whole));
    expect(existsSync(`${out}.training`)).toBe(false);
  });

  test('interrupted by Ctrl-C ends with 130, keeps every step and gives the same bytes', async () => {
    expect(await signalled('SIGINT', 5)).toEqual([130, null]);
    const taken = linesIn(log);
    expect(readdirSync(dirname(out))).toEqual(['out.training']);
    const { code, err } = await train('--resume');
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining(`Resuming after step ${taken}.`) });
    expect(bytesIn(out)).toEqual(bytesIn(whole));
  });
});

/** Interrupts a training in this process after `taken` steps; what is said meanwhile is not of interest. */
async function interrupted(taken: number, ...more: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const watch = setInterval(() => linesIn(log) >= taken && stop.abort(), 0);
  const argv = ['train', model, out, ...options, '--log', log, '--quiet', ...more];
  const { code } = await call(argv, { signal: stop.signal });
  clearInterval(watch);
  expect(code).toBe(130);
}

test('what is not part of the result may change when a run is resumed', async () => {
  await interrupted(4);
  expect((await train('--resume', '--save-every', '0', '--json', '--log', log)).code).toBe(0);
  const { 'adapter_model.safetensors': weights } = bytesIn(out);
  expect(weights).toBe(bytesIn(whole)['adapter_model.safetensors']);
  expect(logIn(log).map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
});

test('other options are refused by name, and the state stays', async () => {
  await interrupted(4);
  const { code, err } = await train('--resume', '--quiet', '--lr', '0.01', '--rank', '2');
  expect(code).toBe(2);
  expect(err).toContain(
    'started with other options: rank was 16 and is 2; alpha was 32 and is 4; lr was 0.02 and is 0.01',
  );
  expect((await resumed()).code).toBe(0);
});

test('data that has changed is refused, and the state stays', async () => {
  await interrupted(4);
  const before = readFileSync(data);
  dataFile(rows.completion.toReversed(), data);
  const { code, err } = await train('--resume', '--quiet');
  writeFileSync(data, before);
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/other options: content was "[0-9a-f]{64}" and is "[0-9a-f]{64}"/),
  ]);
  expect((await resumed()).code).toBe(0);
});

test('a run that begins again keeps nothing of the earlier one', async () => {
  await interrupted(4);
  const stop = new AbortController();
  const watch = setInterval(() => !existsSync(join(`${out}.training`, 'state.safetensors')) && stop.abort(), 0);
  const { code } = await call(['train', model, out, ...options, '--force', '--save-every', '0', '--quiet'], {
    signal: stop.signal,
  });
  clearInterval(watch);
  expect(code).toBe(130); // the old state went before anything new was learned
});

test('a state that could not be saved is told, and not that the run was interrupted', async () => {
  const stop = new AbortController();
  const watch = setInterval(() => {
    if (linesIn(log) < 4) return;
    rmSync(`${out}.training`, { recursive: true, force: true });
    writeFileSync(`${out}.training`, '');
    stop.abort();
    clearInterval(watch);
  }, 0);
  const argv = ['train', model, out, ...options, '--log', log, '--quiet', '--save-every', '0'];
  const { code, err } = await call(argv, { signal: stop.signal });
  expect([code, err]).toEqual([2, expect.stringContaining('out.training: cannot be written')]);
});

test('an unfinished run is not begun again by accident', async () => {
  await interrupted(4);
  const { code, err } = await train('--quiet');
  expect({ code, err }).toEqual({
    code: 2,
    err: expect.stringContaining('holds an unfinished run (pass --resume to continue'),
  });
  expect(await train('--quiet', '--force')).toMatchObject({ code: 0, err: '' });
  expect(bytesIn(out)).toEqual({ ...bytesIn(whole) });
});

test.each<[string, (state: string) => void, string]>([
  ['truncated', (state) => truncateSync(state, 500), 'state.safetensors'],
  ['empty', (state) => truncateSync(state, 0), 'state.safetensors'],
  ['of something else', (state) => cpSync(join(whole, 'adapter_model.safetensors'), state), 'is not a valid run state'],
])('a state that is %s is refused in one sentence', async (_, damage, sentence) => {
  await interrupted(4);
  damage(join(`${out}.training`, 'state.safetensors'));
  const { code, err } = await resumed();
  expect({ code, lines: err.split('\n').length }).toEqual({ code: 2, lines: 2 });
  expect(err).toContain(sentence);
  expect(existsSync(out)).toBe(false);
});

test('a loss that is no number stops the run, names step and batch, and keeps the last good state', async () => {
  const argv = [
    'train',
    model,
    out,
    ...options,
    '--quiet',
    '--lr',
    '1e30',
    '--save-every',
    '1',
    '--schedule',
    'constant',
  ];
  const { code, err } = await call([...argv, '--clip', '0', '--log', log]);
  expect(code).toBe(1);
  expect(err).toMatch(
    /^cria: the (loss|gradients' norm) is (NaN|-?Infinity) in step \d+, of the sequences \d+, \d+, \d+ \(/,
  );
  expect(err).toContain(`in step ${linesIn(log) + 1},`);
  expect(existsSync(out)).toBe(false);
  expect(readdirSync(`${out}.training`).sort()).toEqual(['settings.json', 'state.safetensors']);
});

describe('a full disk', () => {
  const small = join(scratch, 'small');
  const mounted = mount(small);
  afterAll(() => {
    if (mounted) execFileSync('umount', [small]);
  });

  test.skipIf(!mounted)(
    `is one sentence, and the run can be resumed${mounted ? '' : ' [skipped: a small file system cannot be mounted here]'}`,
    async () => {
      const there = join(small, 'out');
      const argv = ['train', model, there, ...options, '--quiet'];
      const { code, err } = await call([...argv, '--save-every', '0']); // the result needs 200 KB
      expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('the disk is full (free some space)') });
      expect(existsSync(there)).toBe(false);
      execFileSync('mount', ['-o', 'remount,size=4m', small]);
      const again = await call([...argv, ...(existsSync(join(`${there}.training`)) ? ['--resume'] : [])]);
      expect(again).toMatchObject({ code: 0, err: '' });
      expect(bytesIn(there)['adapter_model.safetensors']).toBe(bytesIn(whole)['adapter_model.safetensors']);
      expect(readdirSync(small)).toEqual(['out']);
    },
  );
});

/** A file system of a few kibibytes, where this user may mount one. */
function mount(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
