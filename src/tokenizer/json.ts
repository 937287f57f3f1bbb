import { existsSync, readFileSync, statSync } from 'node:fs';
import { CriaError, readError } from '../base/index.ts';
import { readJsonObject } from '../checkpoint/index.ts';

/** An object that was read from JSON: nothing about its values is known. */
export type Json = Readonly<Record<string, unknown>>;

/** Larger than any tokenizer.json there is (the largest have 35 MB). */
const largestFile = 256 * 2 ** 20;

/** The text of a file, undefined when there is none. @throws CriaError when it is too large or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    const { size } = statSync(path);
    if (size > largestFile) throw new CriaError(`has ${size} bytes, too many for a tokenizer file`, { where: path });
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw readError(error, path);
  }
}

/** The object in a JSON file, undefined when there is no file. @throws CriaError when it is something else. */
export function readJson(path: string): Json | undefined {
  return existsSync(path) ? readJsonObject(path) : undefined;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects in a list; a missing list is an empty one. @throws CriaError when it is something else. */
export function objectsIn(value: unknown, name: string, where: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new CriaError(`'${name}' is not a list of objects`, { where });
}

/** The members of a Sequence, or the one thing itself, or nothing. */
export function inSequence(value: unknown, members: string, where: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (isObject(value)) return value.type === 'Sequence' ? objectsIn(value[members], members, where) : [value];
  throw new CriaError(`'${members}' is not an object`, { where });
}

/** A whole number from 0 up to, and without, `limit`. */
export function isIndex(value: unknown, limit: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limit;
}
