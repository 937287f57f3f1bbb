import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readFiles, root } from './project.ts';

/** The markdown of the project: at its top, and in the folders that are its own. */
function documents(): [path: string, markdown: string][] {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\..*|node_modules|dist)$/.test(entry.name))
    .map((entry) => entry.name);
  const atTop = readFiles('.', '.md', false);
  return [...atTop, ...folders.flatMap((folder) => [...readFiles(folder, '.md')])];
}

/** The relative targets of links and images, without their anchors; code is not read. */
function relativeLinks(markdown: string): string[] {
  const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)].map((m) => m[1] ?? m[2] ?? '');
  return targets
    .filter((target) => !/^([a-z][a-z+.-]*:|#|\/\/)/i.test(target))
    .map((target) => decodeURIComponent(target.replace(/[#?].*$/, '')));
}

test('links are found where markdown has them, and nowhere else', () => {
  const markdown = [
    'see [a](docs/a%20b.md#top "title"), ![b](<b.png>) and [c][c], not [web](https://x.org/y.md), [top](#top)',
    'nor `[code](code.md)`',
    '```',
    '[block](block.md)',
    '```',
    '[c]: ../c.md',
  ].join('\n');
  expect(relativeLinks(markdown)).toEqual(['docs/a b.md', 'b.png', '../c.md']);
});

test('every relative link of every document leads to a file', () => {
  const found = documents();
  expect(found.map(([path]) => path)).toContain('README.md');
  const broken = found.flatMap(([path, markdown]) =>
    relativeLinks(markdown)
      .filter((link) => !existsSync(join(root, dirname(path), link)))
      .map((link) => `${path}: ${link}`),
  );
  expect(broken).toEqual([]);
});
