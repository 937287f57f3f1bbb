import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './project.ts';

const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const named = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]);

test('docs/layout.md and the README list every room, in one order', () => {
  const inLayout = named(textOf('docs/layout.md'), /^\| `src\/(\w+)` \|/gm);
  expect(named(textOf('README.md'), /^src\/(\w+) /gm)).toEqual(inLayout);
  expect([...inLayout].sort()).toEqual(rooms.sort());
});

test.each(['ARCHITECTURE.md', 'docs/layout.md', 'docs/add-a-method.md'])('the paths that %s names exist', (path) => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = named(textOf(path), /`src\/([\w./-]+?)\/?`/g);
  expect(sources.filter((source) => !files.includes(source as string))).toEqual([]);
});
