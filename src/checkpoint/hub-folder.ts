import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { CriaError, writeFileAtomically } from '../base/index.ts';
import { wholeOf, writing } from './hub-download.ts';
import { quoted, readJsonObject } from './json.ts';

/**
 * Names the files of its folder that pulls have written: those alone are replaced and removed. It is not cria.json,
 * with which --force takes the whole folder: the user's own files may lie in this one.
 */
const markName = 'cria-pull.json';

/** The files of a folder that pulls have written, as the hub names them. @throws CriaError for a mark that is none. */
export function writtenIn(folder: string): string[] {
  const path = join(folder, markName);
  if (!existsSync(path)) return [];
  const { files } = readJsonObject(path);
  if (!Array.isArray(files)) throw new CriaError('files is not a list', { where: path });
  return files.map((name) => {
    if (typeof name !== 'string') throw new CriaError('files is not a list of names', { where: path });
    placeInside(folder, name, path);
    return name;
  });
}

/** Notes that these, and no other, are the files of a folder that pulls have written. */
export async function noteWritten(folder: string, names: readonly string[]): Promise<void> {
  const text = `${JSON.stringify({ files: [...names].sort() }, undefined, 2)}\n`;
  await writeFileAtomically(join(folder, markName), (append) => append(new TextEncoder().encode(text)));
}

/** @throws CriaError when one of the files that are to be written is there, and no pull has written it. */
export function refuseReplacing(folder: string, names: readonly string[], written: ReadonlySet<string>): void {
  const foreign = names.find((name) => !written.has(name) && existsSync(placeInside(folder, name)));
  if (foreign === undefined) return;
  const remedy = 'choose another folder with --into, or remove it';
  const what = 'differs from the file on the hub, and is not replaced, because cria pull did not write it';
  throw new CriaError(what, { where: placeInside(folder, foreign), remedy });
}

/** Removes files of a folder, where they are there. @throws CriaError when one cannot be removed. */
export function remove(folder: string, names: Iterable<string>): void {
  for (const name of names) removeAt(placeInside(folder, name));
}

/** Removes what unfinished downloads of these files have left, whatever revision they were of. */
export function removePartials(folder: string, names: readonly string[]): void {
  const paths = new Set(names.map((name) => placeInside(folder, name)));
  for (const parent of new Set([...paths].map((path) => dirname(path)))) {
    for (const entry of existsSync(parent) ? readdirSync(parent) : []) {
      const whole = wholeOf(join(parent, entry));
      if (whole !== undefined && paths.has(whole)) removeAt(join(parent, entry));
    }
  }
}

function removeAt(path: string): void {
  writing(path, () => rmSync(path, { force: true }));
}

/** A repository's file inside `folder`. @throws CriaError naming who lists it when its name would lead out of it. */
export function placeInside(folder: string, name: string, lister = 'the hub'): string {
  const inside = normalize(name);
  const leaves = inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  if (leaves || inside === '.' || /[\\\0]|^[A-Za-z]:/.test(name)) {
    throw new CriaError(`${lister} lists ${quoted(name)}, which lies outside the folder`, {
      remedy: 'do not use it',
    });
  }
  return join(folder, inside);
}
