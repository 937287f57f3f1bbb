import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { MetadataValue } from '../types.ts';
import { readGgufHeader } from './header.ts';
import { type GgufTensor, writeGguf } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-gguf-write-'));
const path = join(folder, 'model.gguf');
afterAll(() => rmSync(folder, { recursive: true }));

const metadata = new Map<string, MetadataValue>([
  ['general.architecture', 'llama'],
  ['small', 7],
  ['negative', -7],
  ['wide', 2 ** 40],
  ['widest', 2n ** 64n - 1n],
  ['fraction', 0.5],
  ['whole', 10_000],
  ['flag', false],
  ['names', ['á', '', 'b']],
  ['flags', [true, false]],
  ['floats', Float32Array.of(1, 2)],
  ['ints', Int32Array.of(-1, 2)],
  ['wides', [1, 2 ** 50]],
]);

test('what is written is read again: values, their types, and bytes at their alignment', async () => {
  const bytes = Uint8Array.from({ length: 36 }, (_, i) => i);
  const tensors = [tensor('a', [2, 32], 'Q4_0', bytes), tensor('b', [3], 'F32', new Uint8Array(12).fill(9))];
  await writeGguf(path, { metadata, types: new Map([['whole', 'f32']]), tensors, alignment: 64 });

  const header = readGgufHeader(path);
  expect(header.values).toEqual(new Map([...metadata, ['general.alignment', 64]]));
  expect(Object.fromEntries(header.types)).toMatchObject({
    small: 'u32',
    negative: 'i32',
    wide: 'u64',
    fraction: 'f32',
    whole: 'f32',
    flag: 'bool',
    names: 'string',
    wides: 'u64',
    floats: 'f32',
  });
  const file = readFileSync(path);
  const [a, b] = [...header.tensors.values()];
  expect(a).toMatchObject({ name: 'a', shape: [2, 32], type: 'Q4_0', bytes: 36 });
  expect(file.subarray(a?.offset, (a?.offset ?? 0) + 36)).toEqual(Buffer.from(bytes));
  expect([a, b].map((each) => (each?.offset ?? 1) % 64)).toEqual([0, 0]);
  expect(file.length % 64).toBe(0);
});

test.each<[string, Partial<Parameters<typeof writeGguf>[1]>, string]>([
  ['a tensor twice', { tensors: [tensor('a', [1], 'F32'), tensor('a', [1], 'F32')] }, 'would be written twice'],
  ['a type that GGUF has not', { tensors: [tensor('a', [1], 'BOOL')] }, 'GGUF has no type BOOL'],
  ['rows of broken blocks', { tensors: [tensor('a', [2, 33], 'Q8_0')] }, 'not a multiple of the Q8_0 block size 32'],
  ['too few bytes', { tensors: [tensor('a', [2], 'F32', new Uint8Array(4))] }, '4 bytes were given'],
  ['a number too large', { metadata: new Map([['k', 300]]), types: new Map([['k', 'u8']]) }, '300 does not fit u8'],
  ['text as a number', { metadata: new Map([['k', 'x']]), types: new Map([['k', 'u8']]) }, 'cannot be written as u8'],
])('%s is refused and leaves no file', async (_, contents, sentence) => {
  const target = join(folder, 'refused.gguf');
  await expect(writeGguf(target, { metadata: new Map(), tensors: [], ...contents })).rejects.toThrow(sentence);
  expect(existsSync(target)).toBe(false);
});

function tensor(name: string, shape: number[], type: GgufTensor['type'], bytes = new Uint8Array(4)): GgufTensor {
  return { name, shape, type, bytes: () => bytes };
}
