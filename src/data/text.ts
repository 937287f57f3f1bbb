import { readFileSync, statSync } from 'node:fs';
import { CriaError, messageOf, parseExactly, readError } from '../base/index.ts';

const mostBytes = 256 * 2 ** 20;

/**
 * The text of a file, without a byte order mark.
 * @throws CriaError when it cannot be read, is not UTF-8, or is larger than a string may be.
 */
export function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > mostBytes) {
      throw new CriaError(`has ${size} bytes, more than ${mostBytes}`, { where: path, remedy: 'split it' });
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    throw readError(error, path);
  }
}

/**
 * The value in a JSON file.
 * @throws CriaError as readText, and when it is not JSON.
 */
export function readJson(path: string): unknown {
  return parsed(path, JSON.parse);
}

/** As readJson, but 1.0 stays a float, and large whole numbers stay whole (see parseExactly). */
export function readExactJson(path: string): unknown {
  return parsed(path, parseExactly);
}

function parsed(path: string, parse: (text: string) => unknown): unknown {
  const text = readText(path);
  try {
    return parse(text);
  } catch (error) {
    throw new CriaError(`is not valid JSON: ${messageOf(error)}`, { where: path, cause: error });
  }
}

/** A space between a text and what follows it, where neither has one. */
export function gap(text: string, next: string): string {
  return text === '' || /\s$/.test(text) || /^\s/.test(next) ? '' : ' ';
}
