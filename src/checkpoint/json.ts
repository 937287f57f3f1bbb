import { CriaError, closing, messageOf } from '../base/index.ts';
import { openRanges } from './ranges.ts';

/** How much JSON is taken: `depth` of nesting, `values` in all. */
interface JsonLimits {
  readonly depth: number;
  readonly values: number;
}

const usualLimits: JsonLimits = { depth: 64, values: 4_000_000 };
const longestJson = 100_000_000; // bytes, the limit of safetensors headers

/**
 * Parses UTF-8 JSON that may be hostile: nesting and number of values are counted before anything is built,
 * and a key that is given twice is refused, because readers would differ about its value.
 * @throws CriaError naming `where` it stands.
 */
export function parseJson(bytes: Uint8Array, where: string, limits: JsonLimits = usualLimits): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    checkJson(text, where, limits);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof CriaError) throw error;
    throw new CriaError(`is not valid JSON: ${messageOf(error).slice(0, 200)}`, { where, cause: error });
  }
}

/** Reads a file that holds one JSON object. @throws CriaError when it is missing, too long or something else. */
export function readJsonObject(path: string): Record<string, unknown> {
  return closing(openRanges(path), (file) => {
    if (file.size > longestJson) throw new CriaError(`is longer than ${longestJson} bytes`, { where: path });
    const bytes = new Uint8Array(file.size);
    file.read(0, bytes);
    const value = parseJson(bytes, path);
    if (!isObject(value)) throw new CriaError('is not a JSON object', { where: path });
    return value;
  });
}

/** Whether a JSON value is an object: neither null, an array nor a scalar. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One pass over the text that builds nothing but the keys of the objects that are open. */
function checkJson(text: string, where: string, limits: JsonLimits): void {
  const open: Set<string>[] = [];
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at);
        if (text[skipSpace(text, end)] === ':') {
          const key = keyOf(text.slice(at, end));
          const keys = open[depth - 1];
          if (keys?.has(key)) throw new CriaError(`has a duplicate key ${quoted(key)}`, { where });
          keys?.add(key);
        }
        at = end - 1;
        break;
      }
      case '{':
      case '[':
        values++;
        depth++;
        if (depth > limits.depth) throw new CriaError(`nests deeper than ${limits.depth} levels`, { where });
        if (open.length < depth) open.push(new Set());
        else open[depth - 1]?.clear();
        break;
      case '}':
      case ']':
        depth--;
        break;
      case ',':
        values++;
        break;
    }
    if (values > limits.values) throw new CriaError(`holds more than ${limits.values} values`, { where });
  }
}

/** The place after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}

function keyOf(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** A name from a file as it can stand in a sentence: quoted, control characters escaped, not endless. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
