import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { refusalOf, safetensorsBytes, temporaryFolder } from '../../test/hostile.ts';
import { openSafetensors, readSafetensorsHeader } from './safetensors.ts';

/**
 * Written by safetensors 0.8.0 for Python: safetensors.torch.save({'a.scalar': float64 1.5,
 * 'b.f32': [[1, -2.5, inf], [0.1, -0.0, 3e38]], 'c.f16': [[1, -2.5], [65504, 6e-8], [0.1, -inf]],
 * 'd.bf16': [1, -2.5, 3e38, 0.1], 'e.i64': [-1, 2**40], 'f.i32': [-7, 2**31 - 1], 'g.i16': [-32768, 5],
 * 'h.i8': [-128, 127, 3], 'i.u8': [0, 255], 'j.bool': [True, False, True], 'k.empty': zeros(0, 4)},
 * metadata={'format': 'pt'})
 */
const golden = Buffer.from(
  'uAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJlLmk2NCI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbMl0sImRhdGFf' +
    'b2Zmc2V0cyI6WzAsMTZdfSwiYS5zY2FsYXIiOnsiZHR5cGUiOiJGNjQiLCJzaGFwZSI6W10sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX0sImIu' +
    'ZjMyIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDNdLCJkYXRhX29mZnNldHMiOlsyNCw0OF19LCJrLmVtcHR5Ijp7ImR0eXBlIjoiRjMy' +
    'Iiwic2hhcGUiOlswLDRdLCJkYXRhX29mZnNldHMiOls0OCw0OF19LCJmLmkzMiI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbMl0sImRhdGFf' +
    'b2Zmc2V0cyI6WzQ4LDU2XX0sImQuYmYxNiI6eyJkdHlwZSI6IkJGMTYiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNldHMiOls1Niw2NF19LCJj' +
    'LmYxNiI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMywyXSwiZGF0YV9vZmZzZXRzIjpbNjQsNzZdfSwiZy5pMTYiOnsiZHR5cGUiOiJJMTYi' +
    'LCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls3Niw4MF19LCJoLmk4Ijp7ImR0eXBlIjoiSTgiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNl' +
    'dHMiOls4MCw4M119LCJpLnU4Ijp7ImR0eXBlIjoiVTgiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls4Myw4NV19LCJqLmJvb2wiOnsi' +
    'ZHR5cGUiOiJCT09MIiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbODUsODhdfX0gICAgICD//////////wAAAAAAAQAAAAAAAAAA+D8A' +
    'AIA/AAAgwAAAgH/NzMw9AAAAgOaxYX/5////////f4A/IMBif809ADwAwf97AQBmLgD8AIAFAIB/AwD/AQAB',
  'base64',
);

function write(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'x.safetensors');
  writeFileSync(path, bytes);
  return path;
}

describe('a file of the Python writer', () => {
  test('has its names, shapes, types and metadata', () => {
    const { tensors, metadata } = readSafetensorsHeader(write(golden));
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.map(({ name, type, shape }) => [name, type, shape])).toEqual([
      ['e.i64', 'I64', [2]],
      ['a.scalar', 'F64', []],
      ['b.f32', 'F32', [2, 3]],
      ['k.empty', 'F32', [0, 4]],
      ['f.i32', 'I32', [2]],
      ['d.bf16', 'BF16', [4]],
      ['c.f16', 'F16', [3, 2]],
      ['g.i16', 'I16', [2]],
      ['h.i8', 'I8', [3]],
      ['i.u8', 'U8', [2]],
      ['j.bool', 'BOOL', [3]],
    ]);
  });

  test('has the values that PyTorch reads', () => {
    const file = openSafetensors(write(golden));
    const values = (name: string) => [...file.readFloat32(name)];
    expect(values('a.scalar')).toEqual([1.5]);
    expect(values('b.f32')).toEqual([1, -2.5, Infinity, 0.10000000149011612, -0, 3.0000000054977558e38]);
    expect(values('c.f16')).toEqual([1, -2.5, 65504, 2 ** -24, 0.0999755859375, -Infinity]);
    expect(values('d.bf16')).toEqual([1, -2.5, 3.00405527047391e38, 0.10009765625]);
    expect(values('e.i64')).toEqual([-1, 2 ** 40]);
    expect(values('f.i32')).toEqual([-7, 2147483648]);
    expect(values('g.i16')).toEqual([-32768, 5]);
    expect(values('h.i8')).toEqual([-128, 127, 3]);
    expect(values('i.u8')).toEqual([0, 255]);
    expect(values('j.bool')).toEqual([1, 0, 1]);
    expect(values('k.empty')).toEqual([]);
    file.close();
  });

  test('is read by rows, into an array that is given', async () => {
    const file = openSafetensors(write(golden));
    const into = new Float32Array(2);
    expect(file.readFloat32('c.f16', { rows: [1, 2], into })).toBe(into);
    expect([...into]).toEqual([65504, 2 ** -24]);
    expect([...file.readFloat32('b.f32', { rows: [1, 2] })]).toEqual([0.10000000149011612, -0, 3.0000000054977558e38]);
    expect([...file.readBytes('h.i8', { rows: [0, 2] })]).toEqual([128, 127]);
    expect([...file.readBytes('h.i8', { rows: [3, 3] })]).toEqual([]);
    for (const rows of [
      [-1, 1],
      [2, 1],
      [0, 4],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(await refusalOf(() => file.readFloat32('h.i8', { rows }))).toMatch(
        /"h\.i8": rows .* out of range: it has 3/,
      );
    }
    expect(await refusalOf(() => file.readFloat32('a.scalar', { rows: [0, 1] }))).toMatch(/it has 0/);
    expect(await refusalOf(() => file.readFloat32('h.i8', { into }))).toMatch(/3 values do not fit an array of 2/);
    expect(await refusalOf(() => file.readFloat32('nope'))).toMatch(/tensor "nope": is missing/);
    file.close();
    expect(await refusalOf(() => file.readBytes('h.i8'))).toMatch(/after it was closed/);
  });

  test('says so when it is cut short while it is open', async () => {
    const path = write(golden);
    const file = openSafetensors(path);
    truncateSync(path, golden.length - 1);
    expect(await refusalOf(() => file.readFloat32('j.bool'))).toMatch(/x\.safetensors: ends before byte 792/);
    file.close();
  });
});

test('a tensor that is longer than the staging buffer is converted piece by piece', () => {
  const count = 1_300_001; // 2.6 MB, more than two pieces and no multiple of one
  const bits = Uint16Array.from({ length: count }, (_, i) => 0x3f80 + (i % 128)); // bfloat16 1 to 2 in steps of 1/128
  const header = { w: { dtype: 'BF16', shape: [count], data_offsets: [0, 2 * count] } };
  const file = openSafetensors(write(safetensorsBytes(header, new Uint8Array(bits.buffer))));
  expect(file.readFloat32('w').findIndex((value, i) => value !== 1 + (i % 128) / 128)).toBe(-1);
  file.close();
});

describe('refused with a sentence:', () => {
  const tensor = (over: object) => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...over });
  const eight = new Uint8Array(8);
  const huge = 2 ** 53;
  const cases: [title: string, bytes: Uint8Array, sentence: RegExp][] = [
    ['an empty file', new Uint8Array(), /0 bytes are too few/],
    ['a header length beyond the cap', safetensorsBytes('{}', eight, 100_000_001), /100000001 bytes, more than/],
    ['a header length of 2^64 - 1', safetensorsBytes('{}', eight, 2n ** 64n - 1n), /18446744073709551615 bytes, more/],
    ['a header length beyond the file', safetensorsBytes('{}', eight, 11), /11 bytes, but the file has 18/],
    ['a header of no bytes', safetensorsBytes('', eight), /does not begin with \{/],
    ['a header that is a list', safetensorsBytes('[{}]'), /does not begin with \{/],
    ['a header that is not JSON', safetensorsBytes('{"a":}'), /is not valid JSON/],
    ['a header that nests', safetensorsBytes(`{"a":${'['.repeat(1e6)}`), /nests deeper than 3/],
    ['a name twice', safetensorsBytes('{"a":{},"a":{}}'), /has a duplicate key "a"/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /Git LFS pointer.*git lfs pull/],
    ['a tensor that is a number', safetensorsBytes({ a: 1 }), /tensor "a": its description is not an object/],
    ['a missing dtype', safetensorsBytes({ a: { shape: [] } }), /tensor "a": its dtype is missing/],
    ['an unknown dtype', safetensorsBytes({ a: tensor({ dtype: 'F8_E4M3' }) }, eight), /"F8_E4M3" is not supported/],
    ['a dtype of Object', safetensorsBytes({ a: tensor({ dtype: 'toString' }) }, eight), /"toString" is not supported/],
    ['a negative size', safetensorsBytes({ a: tensor({ shape: [-2] }) }, eight), /shape is not a list of integers/],
    ['a fractional size', safetensorsBytes({ a: tensor({ shape: [0.5] }) }, eight), /shape is not a list of integers/],
    [
      'a size that is text',
      safetensorsBytes({ a: tensor({ shape: ['2'] }) }, eight),
      /shape is not a list of integers/,
    ],
    ['a size of 2^53', safetensorsBytes({ a: tensor({ shape: [huge] }) }, eight), /shape is not a list of integers/],
    ['a shape that overflows', safetensorsBytes({ a: tensor({ shape: [2 ** 30, 2 ** 30] }) }, eight), /overflows/],
    ['one offset', safetensorsBytes({ a: tensor({ data_offsets: [0] }) }, eight), /are not two integers/],
    [
      'offsets beyond the file',
      safetensorsBytes({ a: tensor({ data_offsets: [0, 16] }) }, eight),
      /end at 16, beyond the 8/,
    ],
    [
      'offsets that run backwards',
      safetensorsBytes({ a: tensor({ data_offsets: [8, 0] }) }, eight),
      /before they begin/,
    ],
    [
      'another size than the shape',
      safetensorsBytes({ a: tensor({ shape: [3] }) }, eight),
      /8 bytes, but F32 .* takes 12/,
    ],
    [
      'overlapping tensors',
      safetensorsBytes({ a: tensor({}), b: tensor({}) }, eight),
      /"b": it overlaps another tensor/,
    ],
    [
      'a hole between tensors',
      safetensorsBytes({ a: tensor({ shape: [1], data_offsets: [4, 8] }) }, eight),
      /"a": 4 unused bytes precede it/,
    ],
    ['bytes after the last tensor', safetensorsBytes({ a: tensor({}) }, new Uint8Array(9)), /1 bytes at its end/],
    ['metadata that is a list', safetensorsBytes({ __metadata__: [] }), /__metadata__ is not an object/],
    ['metadata that is a number', safetensorsBytes({ __metadata__: { a: 1 } }), /__metadata__ "a" is not a string/],
  ];
  test.each(cases)('%s', async (_, bytes, sentence) => {
    const path = write(bytes);
    const message = await refusalOf(() => openSafetensors(path));
    expect(message).toMatch(sentence);
    expect(message.startsWith(path)).toBe(true);
  });

  test('more than 250,000 tensors', async () => {
    const names = Array.from({ length: 250_001 }, (_, i) => `"${i.toString(36)}":{}`);
    expect(await refusalOf(() => openSafetensors(write(safetensorsBytes(`{${names}}`))))).toMatch(/250000 tensors/);
  });

  test('a file that does not exist, and a folder', async () => {
    const folder = temporaryFolder();
    expect(await refusalOf(() => openSafetensors(join(folder, 'no')))).toMatch(/no: does not exist/);
    expect(await refusalOf(() => openSafetensors(folder))).toMatch(/is not a file/);
  });
});

test('names that mean something to JavaScript are names like others', () => {
  const header =
    '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"7":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}';
  const file = openSafetensors(write(safetensorsBytes(header, Uint8Array.of(3, 4))));
  expect([...file.tensors.keys()]).toEqual(['__proto__', '7']);
  expect(file.readFloat32('__proto__')[0]).toBe(3);
  file.close();
});
