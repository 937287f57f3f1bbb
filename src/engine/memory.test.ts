import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { availableMemory } from './memory.ts';

/** The files of a system, and the memory that is available there. */
function availableWith(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), 'cria-memory-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, content] of Object.entries({ 'proc/meminfo': 'MemAvailable:    1000 kB\n', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return availableMemory(root);
}

const group = (limit: string, used: number, files: number) => ({
  'memory.max': `${limit}\n`,
  'memory.current': `${used}\n`,
  'memory.stat': `anon 1\ninactive_file ${files}\nactive_file 7\n`,
});

const under = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [join(folder, name), content]));

test('without a limit it is what the system has', () => {
  expect(availableWith({})).toBe(1000 * 1024);
  const files = under('sys/fs/cgroup/job', group('max', 500, 0));
  expect(availableWith({ 'proc/self/cgroup': '0::/job\n', ...files })).toBe(1000 * 1024);
});

test('a container has what its memory.max leaves, with the pages of files that can be taken back', () => {
  const files = under('sys/fs/cgroup', group('500000', 300_000, 200_000));
  expect(availableWith({ 'proc/self/cgroup': '0::/\n', ...files })).toBe(400_000);
});

test('the tightest of nested groups counts, and never less than nothing is left', () => {
  const [outer, inner] = [group('500000', 450_000, 0), group('max', 1, 0)];
  const files = { ...under('sys/fs/cgroup/a', outer), ...under('sys/fs/cgroup/a/b', inner) };
  expect(availableWith({ 'proc/self/cgroup': '0::/a/b\n', ...files })).toBe(50_000);
  const full = under('sys/fs/cgroup/a', group('500000', 600_000, 0));
  expect(availableWith({ 'proc/self/cgroup': '0::/a\n', ...full })).toBe(0);
});

test('so do groups of version 1', () => {
  const files = under('sys/fs/cgroup/memory/job', {
    'memory.limit_in_bytes': '500000\n',
    'memory.usage_in_bytes': '300000\n',
    'memory.stat': 'inactive_file 1\ntotal_inactive_file 100000\n',
  });
  expect(availableWith({ 'proc/self/cgroup': '4:memory:/job\n1:cpu:/\n', ...files })).toBe(300_000);
});
