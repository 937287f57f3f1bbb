import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './project.ts';

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

const { name, exports }: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('every room with an index.ts has its subpath, and every subpath its room', () => {
  const rooms = ['', ...readdirSync(join(root, 'src'))].filter((room) =>
    existsSync(join(root, 'src', room, 'index.ts')),
  );
  const expected = rooms.map((room) => [
    room === '' ? '.' : `./${room}`,
    { types: `./${posix.join('dist', room, 'index.d.ts')}`, default: `./${posix.join('dist', room, 'index.js')}` },
  ]);
  expect(exports).toEqual(Object.fromEntries(expected));
});

test.each(Object.entries(exports))('%s has its types, and imports by its public name', (subpath, { types }) => {
  expect(existsSync(join(root, types)), types).toBe(true);
  const script = `console.log(Object.keys(await import('${posix.join(name, subpath)}')).length)`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(Number(stdout), stderr).toBeGreaterThan(0);
});
