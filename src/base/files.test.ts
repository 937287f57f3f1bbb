import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  appendLine,
  closing,
  makeFolder,
  refuseExisting,
  writeFileAtomically,
  writeFolderAtomically,
} from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

test('a file appears whole, and nothing else does', async () => {
  await writeFileAtomically(join(folder, 'a'), async (append) => {
    await append(bytes('one '));
    expect(existsSync(join(folder, 'a'))).toBe(false);
    await append(bytes('two'));
  });
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('one two');
  expect(readdirSync(folder)).toEqual(['a']);
});

test('lines are appended to a file that need not be there', () => {
  for (const line of ['one\n', 'two\n']) appendLine(join(folder, 'log'), line);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\ntwo\n');
});

test('a writer that fails leaves the old file and no other', async () => {
  writeFileSync(join(folder, 'a'), 'old');
  const failing = writeFileAtomically(join(folder, 'a'), async (append) => {
    await append(bytes('new'));
    throw new Error('no more');
  });
  await expect(failing).rejects.toThrow('no more');
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['a']);
});

test('a folder appears whole, replaces another only when forced, and is not left half done', async () => {
  const target = join(folder, 'model');
  await writeFolderAtomically(target, false, (inside) => writeFileSync(join(inside, 'cria.json'), '{}'));
  await expect(writeFolderAtomically(target, false, () => {})).rejects.toThrow('already exists');
  const failing = writeFolderAtomically(target, true, (inside) => {
    writeFileSync(join(inside, 'y'), '2');
    throw new Error('no more');
  });
  await expect(failing).rejects.toThrow('no more');
  expect(readdirSync(target)).toEqual(['cria.json']);
  await writeFolderAtomically(target, true, (inside) => writeFileSync(join(inside, 'z'), '3'));
  expect(readdirSync(target)).toEqual(['z']);
  expect(readdirSync(folder)).toEqual(['model']);
});

test('what a dead process of the same number has left is no part of a folder', async () => {
  const stale = join(folder, `.model.${process.pid}.partial`);
  for (const path of [stale, `${stale}.old`]) {
    mkdirSync(path);
    writeFileSync(join(path, 'stale'), '');
  }
  for (const force of [false, true]) {
    await writeFolderAtomically(join(folder, 'model'), force, (inside) => writeFileSync(join(inside, 'cria.json'), ''));
    expect(readdirSync(join(folder, 'model'))).toEqual(['cria.json']);
  }
  expect(readdirSync(folder)).toEqual(['model']);
});

test('what cria has not written is not replaced, even when forced', () => {
  writeFileSync(join(folder, 'letter.txt'), '');
  expect(() => refuseExisting(folder, true)).toThrow('is a folder without cria.json');
  expect(() => refuseExisting('/dev/null', true)).toThrow('is not a regular file');
  writeFileSync(join(folder, 'cria.json'), '{}');
  expect(() => refuseExisting(folder, true)).not.toThrow();
});

test('an output that exists is refused before any work', () => {
  expect(() => refuseExisting(folder, false)).toThrow(/already exists.*--force/);
  expect(() => refuseExisting(folder, true)).not.toThrow();
  expect(() => refuseExisting(join(folder, 'new'), false)).not.toThrow();
});

test('a place that cannot be written is one sentence', async () => {
  writeFileSync(join(folder, 'file'), '');
  const inside = join(folder, 'file', 'a');
  await expect(writeFileAtomically(inside, () => {})).rejects.toThrow(/cannot be written/);
  const ways = [() => refuseExisting(inside, true), () => makeFolder(inside), () => appendLine(inside, '')];
  for (const work of ways) expect(work).toThrow(/cannot be written/);
});

describe('a full disk', () => {
  const small = join(tmpdir(), `cria-small-disk-${process.pid}`);
  const mounted = mount(small);
  test.skipIf(!mounted)(
    `is one sentence and leaves nothing${mounted ? '' : ' [skipped: a small file system cannot be mounted here]'}`,
    async () => {
      const writing = writeFileAtomically(join(small, 'a'), async (append) => {
        for (let i = 0; i < 64; i++) await append(new Uint8Array(2 ** 16));
      });
      await expect(writing).rejects.toThrow('the disk is full');
      expect(readdirSync(small)).toEqual([]);
      execFileSync('umount', [small]);
      rmSync(small, { recursive: true });
    },
  );
});

/** A file system of one mebibyte, where this user may mount one. */
function mount(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    rmSync(path, { recursive: true, force: true });
    return false;
  }
}

test('a file is closed behind its use, whether that gives something or fails', () => {
  let closed = 0;
  const file = { size: 3, close: () => closed++ };
  expect(closing(file, ({ size }) => size)).toBe(3);
  expect(() =>
    closing(file, () => {
      throw new Error('damaged');
    }),
  ).toThrow('damaged');
  expect(closed).toBe(2);
});
