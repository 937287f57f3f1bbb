import { expect, test } from 'vitest';
import { byteSize, duration } from '../base/index.ts';
import { showProgress } from './progress.ts';

function shown(isTTY: boolean, quiet = false, columns = 80) {
  const clock = { ms: 0 };
  const writes: string[] = [];
  const output = { isTTY, columns, write: (text: string) => writes.push(text) };
  return { clock, writes, progress: showProgress(output, quiet, () => clock.ms) };
}

test('a pipe gets a line every ten seconds at most, with amount, rate and time left', () => {
  const { clock, writes, progress } = shown(false);
  for (clock.ms = 0; clock.ms <= 25_000; clock.ms += 500) progress.step('train', clock.ms / 500, 100, 'steps');
  expect(writes).toEqual(['train 20/100 steps, 2 steps/s, 40s left\n', 'train 40/100 steps, 2 steps/s, 30s left\n']);
});

test('a resumed step counts its rate from where it began', () => {
  const { clock, writes, progress } = shown(false);
  progress.step('train', 900, 1000, 'steps');
  clock.ms = 10_000;
  progress.step('train', 950, 1000, 'steps');
  expect(writes).toEqual(['train 950/1000 steps, 5 steps/s, 10s left\n']);
});

test('a step without a total tells amount and rate, bytes in their units', () => {
  const { clock, writes, progress } = shown(false);
  progress.step('pull', 0, undefined, 'bytes');
  clock.ms = 10_000;
  progress.step('pull', 25_000_000, undefined, 'bytes');
  expect(writes).toEqual(['pull 25 MB, 2.5 MB/s\n']);
});

test('a terminal gets one line rewritten ten times a second at most, and the finished one is kept', () => {
  const { clock, writes, progress } = shown(true);
  progress.step('score', 0, 4, 'rows');
  clock.ms = 50;
  progress.step('score', 1, 4, 'rows');
  clock.ms = 1000;
  progress.step('score', 2, 4, 'rows');
  clock.ms = 2000;
  progress.step('score', 4, 4, 'rows');
  progress.clear();
  expect(writes).toEqual([
    '\r\x1b[Kscore 0/4 rows',
    '\r\x1b[Kscore 2/4 rows, 2 rows/s, 1s left',
    '\r\x1b[Kscore 4/4 rows, 2 rows/s, 2s\n',
  ]);
});

test('an unfinished line is cleared before a note, and never wider than the terminal', () => {
  const { writes, progress } = shown(true, false, 10);
  progress.step('a long label', 1, 9, 'rows');
  progress.note('a remark');
  expect(writes).toEqual(['\r\x1b[Ka long la', '\r\x1b[K', 'a remark\n']);
});

test('a new label, or the same one begun again, measures from its own start', () => {
  const { clock, writes, progress } = shown(false);
  progress.step('a', 0, 10, 'rows');
  progress.step('a', 10, 10, 'rows');
  clock.ms = 9000;
  progress.step('a', 0, 10, 'rows');
  clock.ms = 10_000;
  progress.step('a', 5, 10, 'rows');
  expect(writes).toEqual(['a 5/10 rows, 5 rows/s, 1s left\n']);
});

test('quiet writes nothing', () => {
  const { writes, progress } = shown(true, true);
  progress.step('a', 1, 1, 'rows');
  progress.note('b');
  expect(writes).toEqual([]);
});

test('sizes and times are told in units of their scale', () => {
  expect([0, 999, 1000, 1_234_567, 8.4e9, 5e15].map(byteSize)).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '1.23 MB',
    '8.4 GB',
    '5000 TB',
  ]);
  expect([0, 59.4, 60, 125, 3599.6, 3725].map(duration)).toEqual(['0s', '59s', '1m 00s', '2m 05s', '1h 00m', '1h 02m']);
});
