import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../../test/hostile.ts';
import { readImatrix, writeImatrix } from './imatrix.ts';

const name = 'model.layers.0.self_attn.q_proj.weight';

test('what is written is read: means of squares', async () => {
  const path = join(temporaryFolder(), 'imatrix.gguf');
  const squares = new Map([[name, { sums: Float32Array.of(8, 0, 2), count: 4 }]]);
  await writeImatrix(path, 'llama', squares, { dataset: 'text.txt', sequence: 2, chunks: 2 });
  expect([...readImatrix(path, 'llama').importance(name, 3)]).toEqual([2, 0, 0.5]);
});

/** The older format of llama.cpp. */
function legacy(weight: string, calls: number, values: readonly number[]): string {
  const path = join(temporaryFolder(), 'imatrix.dat');
  const word = (value: number) => Buffer.from(Int32Array.of(value).buffer);
  const data = Buffer.from(Float32Array.from(values).buffer);
  const parts = [word(1), word(weight.length), Buffer.from(weight), word(calls), word(values.length), data];
  writeFileSync(path, Buffer.concat([...parts, word(calls), word(4), Buffer.from('text')]));
  return path;
}

test('the older format, whose values are means times calls', () => {
  const path = legacy('blk.0.attn_q.weight', 5, [10, 5]);
  expect([...readImatrix(path, 'llama').importance(name, 2)]).toEqual([2, 1]);
});

test.each<[string, () => unknown, RegExp]>([
  [
    'of another model by its names',
    () =>
      readImatrix(legacy('blk.0.attn_q.weight', 1, [1]), 'llama').importance('model.layers.9.mlp.up_proj.weight', 1),
    /is missing from the importance matrix \(it was made from another model/,
  ],
  [
    'of another model by its sizes',
    () => readImatrix(legacy('blk.0.attn_q.weight', 1, [1, 2]), 'llama').importance(name, 3),
    /has 2 inputs in the importance matrix and 3/,
  ],
  [
    'that holds NaN',
    () => readImatrix(legacy('blk.0.attn_q.weight', 1, [Number.NaN]), 'llama'),
    /missing, negative or not finite/,
  ],
  [
    'that is a model',
    () => readImatrix('test/goldens/gguf/llama.gguf', 'llama'),
    /is a GGUF file, but not an importance matrix/,
  ],
  ['that is something else', () => readImatrix('package.json', 'llama'), /is not an importance matrix/],
])('refuses one %s', async (_, read, sentence) => {
  expect(await refusalOf(read)).toMatch(sentence);
});
