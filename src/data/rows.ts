import { createReadStream, existsSync } from 'node:fs';
import { extname } from 'node:path';
import { pipeline } from 'node:stream';
import { CriaError, messageOf, parseExactly, Real, readError } from '../base/index.ts';
import { linesOf } from './lines.ts';
import { parquetRows } from './parquet.ts';
import { readExactJson, readText } from './text.ts';

/** One example of a data file. */
export interface Row {
  readonly values: Readonly<Record<string, unknown>>;
  /** The file and the row in it, counted from 1, for messages. */
  readonly where: string;
}

/** Names of columns in a file, by the names that cria gives them: `prompt` is the file's `goal`. */
export type Columns = ReadonlyMap<string, string>;

/**
 * The rows of a data file, one after the other: the objects of `.jsonl` (one a line) and `.json` (one list), the
 * records of `.csv` under its header and of `.parquet`, or the whole of a `.txt` as one row `{text}`. JSON lines and CSV
 * are streamed, parquet by its row groups.
 * @throws CriaError, about the file and the row, when it cannot be read or a row is not sound.
 */
export async function* readRows(path: string, columns: Columns = new Map()): AsyncGenerator<Row> {
  const read = readers[extname(path).toLowerCase()];
  if (!read) {
    if (!existsSync(path)) throw new CriaError('does not exist', { where: path });
    const remedy = `use ${Object.keys(readers).join(', ')}`;
    throw new CriaError('has no extension of a data file', { where: path, remedy });
  }
  for await (const row of read(path)) yield columns.size > 0 ? renamed(row, columns) : row;
}

/** Reads `prompt=goal,completion=target`, where it is given. @throws CriaError when it is something else. */
export function columnsFrom(text: string | undefined): Columns | undefined {
  if (text === undefined) return undefined;
  return new Map(
    text.split(',').map((pair) => {
      const [name, column, ...more] = pair.split('=');
      if (name && column && more.length === 0) return [name, column];
      const remedy = 'write it as prompt=goal,completion=target';
      throw new CriaError(`'${pair}' must be COLUMN=NAME`, { where: '--columns', remedy });
    }),
  );
}

/** Whether a column has no value: null and the empty text stand for none, as parquet and CSV have to have them. */
export function isAbsent(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/** The text in a column. @throws CriaError when the row has none. */
export function textIn({ values, where }: Row, column: string): string {
  const value = values[column];
  if (value === null || value === '') throw new CriaError(`${column} is empty`, { where });
  if (typeof value === 'string') return value;
  if (value !== undefined) throw new CriaError(`${column} is not a string`, { where });
  const has = Object.keys(values).slice(0, 8).join(', ');
  throw new CriaError(`has no column '${column}'`, { where, remedy: `its columns are ${has || 'none'}` });
}

const readers: Readonly<Record<string, (path: string) => AsyncIterable<Row> | Iterable<Row>>> = {
  '.jsonl': jsonLines,
  '.json': jsonList,
  '.csv': csvRecords,
  '.parquet': parquetRecords,
  '.txt': (path) => [{ values: { text: readText(path) }, where: path }],
};

async function* jsonLines(path: string): AsyncGenerator<Row> {
  let number = 0;
  for await (const line of linesOf(path)) {
    const where = rowPlace(path, ++number);
    if (line.trim() === '') continue;
    yield { values: objectOf(parsed(line, where), where), where };
  }
}

async function* jsonList(path: string): AsyncGenerator<Row> {
  if (await holdsLines(path)) {
    yield* jsonLines(path);
    return;
  }
  const list = readExactJson(path);
  if (!Array.isArray(list)) throw new CriaError('is not a list of rows', { where: path, remedy: 'write it as [{…}]' });
  for (const [i, item] of list.entries()) {
    const where = rowPlace(path, i + 1);
    yield { values: objectOf(item, where), where };
  }
}

/** Whether a .json file has two rows or more, one a line. */
async function holdsLines(path: string): Promise<boolean> {
  const first: string[] = [];
  for await (const line of linesOf(path)) {
    if (line.trim() !== '') first.push(line);
    if (first.length === 2) break;
  }
  return first.length === 2 && first.every(isObjectText);
}

function isObjectText(line: string): boolean {
  try {
    return line.trimStart().startsWith('{') && typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

const longestRecord = 16 * 2 ** 20; // characters

async function* csvRecords(path: string): AsyncGenerator<Row> {
  const { CsvError, parse } = await import('csv-parse');
  const parser = parse({ bom: true, skip_empty_lines: true, max_record_size: longestRecord });
  pipeline(createReadStream(path), parser, () => {}); // an error of the file ends the parser, which tells it below
  let header: readonly string[] | undefined;
  let number = 0;
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      if (header) {
        const entries = header.map((name, i) => [name, record[i]]);
        yield { values: Object.fromEntries(entries), where: rowPlace(path, ++number) };
      }
      header ??= record;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw readError(error, path);
    throw new CriaError(`is not valid CSV: ${messageOf(error)}`, { where: path, cause: error });
  }
}

async function* parquetRecords(path: string): AsyncGenerator<Row> {
  let number = 0;
  for await (const values of parquetRows(path)) yield { values, where: rowPlace(path, ++number) };
}

function rowPlace(path: string, number: number): string {
  return `${path}: row ${number}`;
}

function parsed(line: string, where: string): unknown {
  try {
    return parseExactly(line);
  } catch (error) {
    throw new CriaError(`is not valid JSON: ${messageOf(error)}`, { where, cause: error });
  }
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // only what goes to a chat template needs to know 1.0 from 1
    const entries = Object.entries(value).map(([key, each]) => [key, each instanceof Real ? each.value : each]);
    return Object.fromEntries(entries);
  }
  throw new CriaError('is not an object', { where, remedy: 'write rows as {"text": "…"}' });
}

/** The row with its columns under cria's names besides their own. */
function renamed(row: Row, columns: Columns): Row {
  const values = { ...row.values };
  for (const [name, column] of columns) {
    if (!Object.hasOwn(row.values, column)) textIn(row, column);
    values[name] = row.values[column];
  }
  return { ...row, values };
}
