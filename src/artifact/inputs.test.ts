import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { goldenPath } from '../../test/model/goldens.ts';
import { inputHashes } from './inputs.ts';

test('a file is hashed by its bytes, a folder by the names and bytes of its files, in any order', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'a.txt');
  writeFileSync(path, 'llama');
  writeFileSync(join(folder, 'b.txt'), 'alpaca');
  const { [path]: file, [folder]: both } = await inputHashes({ files: [path, undefined, folder] });
  expect(file).toBe(createHash('sha256').update('llama').digest('hex'));
  writeFileSync(join(folder, 'b.txt'), 'vicuña');
  expect((await inputHashes({ files: [folder] }))[folder]).not.toBe(both);
  const sentence = await refusalOf(() => inputHashes({ files: [join(folder, 'c.txt')] }));
  expect(sentence).toBe(`${join(folder, 'c.txt')}: does not exist`);
  const interrupted = AbortSignal.abort(new Error('interrupted'));
  await expect(inputHashes({ files: [path] }, { signal: interrupted })).rejects.toThrow(/^interrupted$/);
});

test('a model has another hash when any of its weights has, and the same under another path', async () => {
  const folder = join(temporaryFolder(), 'copy');
  cpSync(goldenPath('llama'), folder, { recursive: true });
  const hash = async (path: string) => (await inputHashes({ models: { name: path } })).name;
  const before = await hash(goldenPath('llama'));
  expect(await hash(folder)).toBe(before);
  const weights = join(folder, 'model.safetensors');
  const bytes = readFileSync(weights);
  writeFileSync(weights, bytes.fill(1, bytes.length - 4));
  expect(await hash(folder)).not.toBe(before);
});
