import { readFileSync, statSync } from 'node:fs';
import { CriaError, messageOf, readError } from '../base/index.ts';
import type { Row } from './rows.ts';

/** A table with a header, read at once. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

const mostBytes = 64 * 2 ** 20;
const delimiters = [',', ';', '\t', '|'];

/**
 * A CSV file as a table of texts: UTF-8, or UTF-16 with a byte order mark; parted by the delimiter that its header
 * shows (comma, semicolon, tab or bar). What cannot be read with certainty is refused.
 * @throws CriaError about the file and the row: another encoding, a header of one column or with a name twice, a row of another
 * length than the header, a quote that stays open.
 */
export async function readTable(path: string): Promise<Table> {
  const text = decoded(path);
  const { CsvError, parse } = await import('csv-parse/sync');
  const read = (delimiter: string, to?: number): string[][] =>
    parse(text, { delimiter, skip_empty_lines: true, ...(to === undefined ? {} : { to, relax_column_count: true }) });
  try {
    const headers = delimiters.map((delimiter) => headerOf(() => read(delimiter, 1)));
    const most = Math.max(...headers.map(({ length }) => length));
    if (most < 2) {
      const remedy = 'separate its columns by commas';
      throw new CriaError('has no header of at least two columns', { where: path, remedy });
    }
    const candidates = delimiters.filter((_, i) => (headers[i] as string[]).length === most);
    if (candidates.length > 1) {
      throw new CriaError('has a header with more than one possible delimiter', { where: path, remedy: 'use commas' });
    }
    const [header = [], ...records] = read(candidates[0] as string);
    const columns = header.map((name) => name.trim());
    refuseTwice(columns, path);
    const rows = records.map((record, i) => ({
      values: Object.fromEntries(columns.map((name, column) => [name, record[column]])),
      where: `${path}: row ${i + 1}`,
    }));
    return { columns, rows };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CriaError(`is not valid CSV: ${messageOf(error)}`, { where: path, cause: error });
  }
}

/** The columns of the first record; none where this delimiter cannot read it. */
function headerOf(read: () => string[][]): string[] {
  try {
    return read()[0] ?? [];
  } catch {
    return [];
  }
}

function refuseTwice(columns: readonly string[], path: string): void {
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new CriaError(`has the column '${twice}' twice`, { where: path, remedy: 'name each column once' });
  }
}

function decoded(path: string): string {
  let bytes: Uint8Array;
  try {
    const { size } = statSync(path);
    if (size > mostBytes) {
      throw new CriaError(`has ${size} bytes, more than ${mostBytes}`, { where: path, remedy: 'split it' });
    }
    bytes = readFileSync(path);
  } catch (error) {
    throw readError(error, path);
  }
  const [first, second] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const encoding = isUtf16 ? (first === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8';
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // told below
  }
  const what = isUtf16 ? 'is not valid UTF-16' : 'is not text in UTF-8 (it may be Latin-1, Windows-1252 or UTF-16)';
  throw new CriaError(what, { where: path, remedy: 'save it as UTF-8' });
}
