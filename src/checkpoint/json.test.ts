import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { parseJson, readJsonObject } from './json.ts';

const parse = (text: string, limits?: { depth: number; values: number }) =>
  parseJson(Buffer.from(text), 'x.json', limits);

test('sound JSON is what JSON.parse makes of it', () => {
  const text = '{"a":[1,{"b":"\\"}{","c":"a: \\\\"}],"d" : {"b":null},"e":[{"b":1},{"b":2}],"":-0.5e3,"ü":"\\u00fc"}';
  expect(parse(text)).toEqual(JSON.parse(text));
});

test('nesting is counted before anything is built', async () => {
  expect(parse('[[[]]]', { depth: 3, values: 9 })).toEqual([[[]]]);
  expect(await refusalOf(() => parse('[[[]]]', { depth: 2, values: 9 }))).toMatch(
    /x\.json: nests deeper than 2 levels/,
  );
  expect(await refusalOf(() => parse('['.repeat(1e6)))).toMatch(/nests deeper than 64/);
});

test('values are counted before anything is built', async () => {
  expect(await refusalOf(() => parse('[1,2,3]', { depth: 3, values: 2 }))).toMatch(/more than 2 values/);
  expect(await refusalOf(() => parse('[[],[]]', { depth: 3, values: 3 }))).toMatch(/more than 3 values/);
});

test('a key that is given twice in one object is refused, however it is spelled', async () => {
  expect(await refusalOf(() => parse('{"a":1, "a" :2}'))).toMatch(/has a duplicate key "a"/);
  expect(await refusalOf(() => parse('{"a":1,"b":{"a":1},"\\u0061":2}'))).toMatch(/has a duplicate key "a"/);
});

test('broken text is refused in one sentence', async () => {
  for (const text of ['', '{', '{"a"', '"', '"\\', '{"a":1}]', ']]]', '{"\\q":1}', 'nul', '{"a\\":1}']) {
    expect(await refusalOf(() => parse(text)), text).toMatch(/^x\.json: is not valid JSON: [^\n]*$/);
  }
  expect(await refusalOf(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), 'x.json'))).toMatch(/is not valid JSON/);
});

test('a file must be there, be a file and hold an object', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'config.json');
  expect(await refusalOf(() => readJsonObject(path))).toMatch(/config\.json: does not exist/);
  expect(await refusalOf(() => readJsonObject(folder))).toMatch(/is not a file/);
  for (const text of ['[]', 'null', '3', '"x"']) {
    writeFileSync(path, text);
    expect(await refusalOf(() => readJsonObject(path))).toMatch(/is not a JSON object/);
  }
  writeFileSync(path, '\ufeff{"__proto__":{"x":1}}');
  expect(Object.keys(readJsonObject(path))).toEqual(['__proto__']);
});
