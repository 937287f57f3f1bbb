import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Paths and texts of the files of a folder of the project whose names end so, with `/` between folders. */
export function readFiles(folder: string, ending: string, recursive = true): Map<string, string> {
  const paths = readdirSync(join(root, folder), { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes(`${sep}node_modules${sep}`));
  return new Map(paths.sort().map((path) => [relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8')]));
}

/** The sources that the package is built from: no tests. */
export function productSources(): Map<string, string> {
  return new Map([...readFiles('src', '.ts')].filter(([path]) => !path.endsWith('.test.ts')));
}

/** Runs a script of an installed package with Node, in the project: its exit code and the first of what it said. */
export function runPackage(script: string, ...parameters: string[]): { status: number | null; said: string } {
  const path = join(root, 'node_modules', script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...parameters], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, said: (stdout + stderr).slice(0, 100_000) };
}
