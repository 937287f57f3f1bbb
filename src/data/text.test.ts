import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Real } from '../base/index.ts';
import { readExactJson, readJson, readText } from './text.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-text-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Uint8Array): string {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  return path;
}

test('a text is read as it stands, but for its byte order mark', () => {
  expect(readText(file('\ufeffañ\r\n🦙'))).toBe('añ\r\n🦙');
});

test('bytes that are not UTF-8 are refused', () => {
  const path = file(Uint8Array.of(0x61, 0xff));
  expect(() => readText(path)).toThrow(`${path}: is not text in UTF-8`);
});

test('a missing file is an input error that names it', () => {
  const path = join(folder, 'missing');
  expect(() => readText(path)).toThrow(`${path}: does not exist`);
});

test('a file above 256 MiB is refused before it is read', () => {
  const path = file('');
  truncateSync(path, 2 ** 40);
  expect(() => readText(path)).toThrow(/has 1099511627776 bytes, more than 268435456 \(split it\)/);
});

test('JSON is read, and what is not JSON is told', () => {
  expect(readJson(file('\ufeff[1.0]'))).toEqual([1]);
  expect(readExactJson(file('[1.0]'))).toEqual([new Real(1)]);
  expect(readJson(file('["a", 1]'))).toEqual(['a', 1]);
  const path = file('{"a":');
  expect(() => readJson(path)).toThrow(`${path}: is not valid JSON`);
});
