import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { CriaError } from '../base/index.ts';
import { parquetRows } from './parquet.ts';
import { readRows } from './rows.ts';

const goldens = join(import.meta.dirname, '../../test/goldens/parquet');
const golden = (name: string) => join(goldens, `${name}.parquet`);
const expected = JSON.parse(readFileSync(join(goldens, 'rows.json'), 'utf8'));

async function rows(path: string) {
  const found = [];
  for await (const row of parquetRows(path)) found.push(row);
  return found;
}

function file(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'a.parquet');
  writeFileSync(path, bytes);
  return path;
}

test.each(['snappy', 'plain', 'gzip-v2'])(
  'the rows of %s.parquet are what pyarrow reads, over its row groups',
  async (name) => {
    expect(await rows(golden(name))).toEqual(expected);
  },
);

test('a parquet file is a data file, and its rows say where they stand', async () => {
  const found = [];
  for await (const row of readRows(golden('snappy'), new Map([['text', 'prompt']]))) found.push(row);
  expect(found[39]).toEqual({
    values: { ...expected[39], text: expected[39].prompt },
    where: `${golden('snappy')}: row 40`,
  });
});

test.each([
  ['zstd', "is compressed with ZSTD, which is not supported (write it again, with compression 'snappy'"],
  ['delta', 'has strings encoded as DELTA_BYTE_ARRAY, which is not supported (write it again'],
])('%s.parquet, which is not read, is refused with what to do', async (name, sentence) => {
  expect(await refusalOf(() => rows(golden(name)))).toContain(`${golden(name)}: ${sentence}`);
});

test.each([
  ['nothing', new Uint8Array()],
  ['a text', new TextEncoder().encode('{"text":"a"}\n')],
  ['no footer', readFileSync(golden('plain')).subarray(0, -100)],
  ['no beginning', readFileSync(golden('plain')).subarray(1500)],
])('%s is no parquet', async (_, bytes) => {
  expect(await refusalOf(() => rows(file(bytes)))).toMatch(/a\.parquet: (is not valid parquet|has )/);
});

/** The bytes of plain.parquet with `from` replaced by `to`, of one length, wherever it stands. */
function lying(from: readonly number[], to: readonly number[]): string {
  const bytes = readFileSync(golden('plain'));
  const places = [...bytes.keys()].filter((at) => from.every((byte, i) => bytes[at + i] === byte));
  expect(places.length).toBeGreaterThan(0);
  for (const at of places) bytes.set(to, at);
  return file(bytes);
}

test('a page that says it holds very many values is refused before they are made', async () => {
  // The header of a data page: field 5, a struct, whose field 1 is a number of values, 16 written as 32 (zigzag), then
  // the encoding. Here a four-byte number does not fit, so that the encodings after it are what is overwritten.
  const path = lying(
    [0x2c, 0x15, 0x20, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06],
    [0x2c, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 0x00],
  );
  expect(await refusalOf(() => rows(path))).toMatch(
    /has a row group of \d{10} values of prompt, more than cria reads at once/,
  );
});

test('any bytes that are changed give rows or one sentence', { timeout: 60_000 }, async () => {
  const whole = readFileSync(golden('snappy'));
  const path = file(whole);
  const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(changes, async (changed) => {
      const bytes = Buffer.from(whole);
      for (const [at, byte] of changed) bytes[at] = byte;
      writeFileSync(path, bytes);
      try {
        await rows(path);
      } catch (error) {
        expect(error).toBeInstanceOf(CriaError);
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});
