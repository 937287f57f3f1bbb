import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shared } from '../../test/shared.ts';
import { columnsFrom, readRows, textIn } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-rows-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function rows(path: string, columns?: string) {
  const found = [];
  for await (const row of readRows(path, columnsFrom(columns))) found.push(row);
  return found;
}

const values = async (path: string, columns?: string) => (await rows(path, columns)).map((row) => row.values);

test('JSON lines are rows, whatever ends the lines; empty ones are counted and skipped', async () => {
  const path = file('a.jsonl', '{"text":"one"}\r\n\n{"text":"añ\\n🦙"}');
  expect(await rows(path)).toEqual([
    { values: { text: 'one' }, where: `${path}: row 1` },
    { values: { text: 'añ\n🦙' }, where: `${path}: row 3` },
  ]);
});

test('a line that is longer than a piece of the file is one row', async () => {
  const text = 'é🦙'.repeat(700_000);
  expect(await values(file('long.jsonl', `{"text":"${text}"}\n{"text":"b"}\n`))).toEqual([{ text }, { text: 'b' }]);
});

test('a list in a JSON file is rows', async () => {
  expect(await values(file('a.json', '[{"input":"a","output":"b"}]'))).toEqual([{ input: 'a', output: 'b' }]);
});

test('CSV is read as RFC 4180 has it: quotes, commas and line ends within fields, and a byte order mark', async () => {
  const path = file('a.csv', '\ufeffgoal,target\r\n"a ""b"", c","two\nlines"\r\n\r\nd,\r\n');
  expect(await values(path)).toEqual([
    { goal: 'a "b", c', target: 'two\nlines' },
    { goal: 'd', target: '' },
  ]);
});

test('a column called __proto__ is a column', async () => {
  const [row] = await values(file('p.csv', '__proto__,text\nx,y\n'));
  expect(Object.keys(row ?? {})).toEqual(['__proto__', 'text']);
});

test('a text file is one row', async () => {
  expect(await values(file('a.txt', 'a\nb\n'))).toEqual([{ text: 'a\nb\n' }]);
});

test('columns are read under the names that they are given', async () => {
  const path = file('b.csv', 'goal,target\na,b\n');
  const [row] = await rows(path, 'prompt=goal,completion=target');
  expect(row && [textIn(row, 'prompt'), textIn(row, 'completion')]).toEqual(['a', 'b']);
});

test.each([
  ['a.jsonl', '{"a":1}\n{"a":', undefined, 'a.jsonl: row 2: is not valid JSON'],
  ['a.jsonl', '[1]', undefined, 'a.jsonl: row 1: is not an object'],
  ['a.jsonl', Uint8Array.of(0x22, 0xff), undefined, 'a.jsonl: is not text in UTF-8'],
  ['a.json', '{}', undefined, 'a.json: is not a list of rows'],
  ['a.json', '[{},3]', undefined, 'a.json: row 2: is not an object'],
  ['a.csv', 'a,b\n1\n', undefined, 'a.csv: is not valid CSV: Invalid Record Length'],
  ['a.csv', 'a\n"b', undefined, 'a.csv: is not valid CSV: Quote Not Closed'],
  ['a.csv', 'a\nb\n', 'prompt=goal', "a.csv: row 1: has no column 'goal' (its columns are a)"],
  ['a.csv', 'a\nb\n', 'prompt', "--columns: 'prompt' must be COLUMN=NAME"],
  ['a.pickle', '', undefined, 'a.pickle: has no extension of a data file (use .jsonl, .json, .csv, .parquet, .txt)'],
])('%s holding %j is refused', async (name, content, columns, sentence) => {
  await expect(rows(file(name, content), columns)).rejects.toThrow(sentence);
});

test.each(['.jsonl', '.json', '.csv', '.parquet', '.txt'])(
  'a missing %s file is an input error that names it',
  async (ending) => {
    const path = join(folder, `missing${ending}`);
    await expect(rows(path)).rejects.toMatchObject({ where: path, kind: 'input' });
  },
);

test('a column that is not there, or not a text, is named with its row', () => {
  const row = { values: { a: 1 }, where: 'f: row 7' };
  expect(() => textIn(row, 'text')).toThrow("f: row 7: has no column 'text' (its columns are a)");
  expect(() => textIn(row, 'a')).toThrow('f: row 7: a is not a string');
});

const answers = shared('data', 'latam', 'consolidated_responses.csv');

test.skipIf(!answers)(
  `a real CSV file has one value for each of its columns${answers ? '' : ' [skipped: the LATAM data is not there]'}`,
  async () => {
    const all = await values(answers as string);
    expect(new Set(all.map((row) => Object.keys(row).length))).toEqual(new Set([9]));
    expect(all.every((row) => Object.values(row).every((value) => typeof value === 'string'))).toBe(true);
  },
);
