import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CriaError } from '../../base/index.ts';
import { readGgufHeader } from './header.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-gguf-'));
const path = join(folder, 'model.gguf');
afterAll(() => rmSync(folder, { recursive: true }));

test('values of every type and the tensors behind them are read', () => {
  const header = read({
    pairs: [
      pair('a.u8', 0, Buffer.of(255)),
      pair('a.i8', 1, Buffer.of(255)),
      pair('a.u16', 2, Buffer.of(1, 2)),
      pair('a.i16', 3, Buffer.of(0xfe, 0xff)),
      pair('a.u32', 4, u32(4_000_000_000)),
      pair('a.i32', 5, u32(4_294_967_295)),
      pair('a.f32', 6, Buffer.from(Float32Array.of(0.5).buffer)),
      pair('a.bool', 7, Buffer.of(1)),
      pair('a.string', 8, text('naïve 🦙')),
      pair('a.u64', 10, u64(2n ** 64n - 1n)),
      pair('a.i64', 11, u64(5n)),
      pair('a.f64', 12, Buffer.from(Float64Array.of(Math.PI).buffer)),
      pair('strings', 9, Buffer.concat([u32(8), u64(2n), text('a'), text('')])),
      pair('floats', 9, Buffer.concat([u32(6), u64(2n), Buffer.from(Float32Array.of(1, -2).buffer)])),
      pair('shorts', 9, Buffer.concat([u32(3), u64(1n), Buffer.of(0xff, 0xff)])),
    ],
    tensors: [tensor('w', [32n, 2n], 2, 0n), tensor('b', [3n], 0, 64n)],
    data: 76,
  });
  expect(Object.fromEntries(header.values)).toEqual({
    'a.u8': 255,
    'a.i8': -1,
    'a.u16': 513,
    'a.i16': -2,
    'a.u32': 4_000_000_000,
    'a.i32': -1,
    'a.f32': 0.5,
    'a.bool': true,
    'a.string': 'naïve 🦙',
    'a.u64': 2n ** 64n - 1n,
    'a.i64': 5,
    'a.f64': Math.PI,
    strings: ['a', ''],
    floats: Float32Array.of(1, -2),
    shorts: Int32Array.of(-1),
  });
  expect(header.types.get('a.f32')).toBe('f32');
  expect(header.types.get('strings')).toBe('string');
  expect(header.tensors.get('w')).toMatchObject({ shape: [2, 32], type: 'Q4_0', bytes: 36 });
  expect((header.tensors.get('w')?.offset ?? 1) % 32).toBe(0);
});

test('the alignment that the header states is kept to', () => {
  const header = read({ pairs: [alignment(256)], tensors: [tensor('w', [8n], 0, 0n)], data: 32, align: 256 });
  expect((header.tensors.get('w')?.offset ?? 1) % 256).toBe(0);
});

const w = tensor('w', [32n], 0, 0n);
const hostile: [string, Partial<File>, string][] = [
  ['nothing in it', { start: Buffer.alloc(0), data: 0 }, 'too few'],
  ['another magic', { start: Buffer.from('GGML\x03\0\0\0') }, 'not a GGUF file'],
  ['a big-endian version', { start: Buffer.from('GGUF\0\0\0\x03', 'latin1') }, 'big-endian'],
  ['version 1', { start: Buffer.from('GGUF\x01\0\0\0', 'latin1') }, 'version 1'],
  ['2^60 tensors', { tensorCount: 2n ** 60n }, 'claims 1152921504606847000 tensors'],
  ['2^60 pairs', { pairCount: 2n ** 60n }, 'more than 16777216 items'],
  ['pairs that are not there', { pairCount: 2n ** 24n, data: 0 }, 'claims 4 bytes at byte 32, but only 0 are left'],
  ['a key of 2^60 bytes', { pairs: [u64(2n ** 60n)] }, 'claims 1152921504606847000 bytes at byte 32'],
  ['a string past the end', { pairs: [pair('k', 8, u64(10_000n))] }, 'claims 10000 bytes'],
  ['an array of 2^60 floats', { pairs: [pair('k', 9, u32(6), u64(2n ** 60n))] }, 'its header claims'],
  ['an array of 2^60 strings', { pairs: [pair('k', 9, u32(8), u64(2n ** 60n))] }, 'more than 16777216 items'],
  ['nested arrays', { pairs: [pair('k', 9, u32(9), u64(1n), u32(9))] }, 'metadata "k": is a nested array'],
  ['an unknown value type', { pairs: [pair('k', 13)] }, 'metadata "k": has the unknown type 13'],
  ['a key twice', { pairs: [pair('k', 4, u32(1)), pair('k', 4, u32(1))] }, 'metadata "k": is given twice'],
  ['alignment 0', { pairs: [alignment(0)] }, 'not a power of two'],
  ['alignment 24', { pairs: [alignment(24)] }, 'not a power of two'],
  ['an alignment that is text', { pairs: [pair('general.alignment', 8, text('x'))] }, 'not a power of two'],
  ['a tensor twice', { tensors: [w, tensor('w', [32n], 0, 128n)] }, 'tensor "w": it is listed twice'],
  ['no dimensions', { tensors: [tensor('w', [], 0, 0n)] }, '0 dimensions'],
  ['five dimensions', { tensors: [tensor('w', [1n, 1n, 1n, 1n, 1n], 0, 0n)] }, '5 dimensions'],
  ['a dimension of zero', { tensors: [tensor('w', [0n], 0, 0n)] }, 'is empty'],
  ['a shape that overflows', { tensors: [tensor('w', [2n ** 31n, 2n ** 31n, 4n], 0, 0n)] }, 'overflows'],
  ['a shape of 2^64 - 1', { tensors: [tensor('w', [2n ** 64n - 1n], 0, 0n)] }, 'its shape holds'],
  ['an unknown tensor type', { tensors: [tensor('w', [32n], 99, 0n)] }, 'stored as type 99'],
  ['a type that is not read', { tensors: [tensor('w', [256n], 16, 0n)] }, 'stored as IQ2_XXS'],
  [
    'a row that is no whole blocks',
    { tensors: [tensor('w', [33n, 2n], 2, 0n)] },
    'not a multiple of the Q4_0 block size 32',
  ],
  ['an offset off the alignment', { tensors: [tensor('w', [32n], 0, 1n)] }, 'not a multiple of 32'],
  ['an offset of 2^63', { tensors: [tensor('w', [32n], 0, 2n ** 63n)] }, 'but the file has'],
  ['a tensor past the end', { tensors: [tensor('w', [4096n], 0, 0n)] }, 'tensor "w": its bytes end at'],
  ['overlapping tensors', { tensors: [w, tensor('v', [32n], 0, 96n)] }, 'tensor "v": it overlaps the tensor w'],
];

test.each(hostile)('a file with %s is refused in one sentence', (_, parts, sentence) => {
  const attempt = () => read({ data: 256, ...parts });
  expect(attempt).toThrow(CriaError);
  expect(attempt).toThrow(sentence);
  expect(attempt).toThrow(path);
});

interface File {
  start: Buffer;
  tensorCount: bigint;
  pairCount: bigint;
  pairs: Buffer[];
  tensors: Buffer[];
  data: number;
  align: number;
}

function read({ start, tensorCount, pairCount, pairs = [], tensors = [], data = 0, align = 32 }: Partial<File>) {
  const header = Buffer.concat([
    start ?? Buffer.from('GGUF\x03\0\0\0', 'latin1'),
    ...(start?.length === 0
      ? []
      : [u64(tensorCount ?? BigInt(tensors.length)), u64(pairCount ?? BigInt(pairs.length))]),
    ...pairs,
    ...tensors,
  ]);
  writeFileSync(path, Buffer.concat([header], Math.ceil(header.length / align) * align + data));
  return readGgufHeader(path);
}

function pair(key: string, type: number, ...value: Buffer[]): Buffer {
  return Buffer.concat([text(key), u32(type), ...value]);
}

function alignment(value: number): Buffer {
  return pair('general.alignment', 4, u32(value));
}

function tensor(name: string, dimensions: bigint[], type: number, offset: bigint): Buffer {
  return Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)]);
}

function text(value: string): Buffer {
  return Buffer.concat([u64(BigInt(Buffer.byteLength(value))), Buffer.from(value)]);
}

function u32(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer);
}

function u64(value: bigint): Buffer {
  return Buffer.from(BigUint64Array.of(value).buffer);
}
