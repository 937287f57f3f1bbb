import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { openCheckpoint } from '../checkpoint/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-convert-verb-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = 'test/goldens/architectures/llama';
const out = (name: string) => join(folder, name);

test('a folder tells what made it, and a model without a tokenizer is said to be one', async () => {
  const { code, err } = await call(['convert', tiny, out('f16'), '--dtype', 'f16', '--seed', '7']);
  expect(code).toBe(0);
  expect(err).toMatch(/^Written without a tokenizer: .*tokenizer.json/);
  expect(JSON.parse(readFileSync(join(out('f16'), 'cria.json'), 'utf8'))).toMatchObject({
    cria: JSON.parse(readFileSync('package.json', 'utf8')).version,
    command: 'convert',
    options: { to: 'safetensors', dtype: 'f16' },
    seed: 7,
    source: tiny,
  });
});

test('--json tells the path and the bytes of a file', async () => {
  const path = out('model.gguf');
  const { out: json } = await call(['convert', tiny, path, '--to', 'gguf', '--dtype', 'q8_0', '--json']);
  expect(JSON.parse(json)).toEqual({ path, bytes: statSync(path).size });
  expect(openCheckpoint(path).format).toBe('gguf');
});

test.each([
  [['nowhere', 'x'], 'nowhere: does not exist'],
  [[tiny, 'x.gguf'], 'x.gguf: ends in .gguf, but the output is a folder (use --to gguf)'],
  [
    [tiny, 'x', '--dtype', 'q4_k'],
    '--dtype: a safetensors folder cannot hold q4_k, only f32, f16, bf16 (pass --to gguf)',
  ],
  [[tiny, 'x', '--dtype', 'q3_k'], '--dtype: must be one of'],
  [[tiny, 'src'], 'src: already exists (choose another output or pass --force)'],
  [['test/goldens/architectures/llama-dynamic', 'x', '--to', 'gguf'], '"dynamic" cannot be written'],
])('%j is refused', async (argv, sentence) => {
  const { code, err } = await call(['convert', ...argv]);
  expect(code).toBe(2);
  expect(err).toContain(sentence);
});

test('a folder that holds the source is not replaced', async () => {
  const around = out('around');
  mkdirSync(around);
  cpSync(tiny, join(around, 'model'), { recursive: true });
  const { code, err } = await call(['convert', join(around, 'model'), around, '--force']);
  expect([code, err]).toEqual([
    2,
    `cria: ${around}: is or contains the input ${join(around, 'model')} (choose another output)\n`,
  ]);
  expect(openCheckpoint(join(around, 'model')).format).toBe('safetensors');
});

test('a model is not replaced by its own conversion, nor is what lies beside it in a folder named with dots', async () => {
  const path = out('own');
  cpSync(tiny, join(path, '..w'), { recursive: true });
  const { code, err } = await call(['convert', join(path, '..w'), join(path, '..w'), '--dtype', 'bf16', '--force']);
  expect([code, err]).toEqual([2, expect.stringContaining(`is or contains the input ${join(path, '..w')}`)]);
  expect((await call(['convert', join(path, '..w'), path, '--force'])).code).toBe(2);
  expect(openCheckpoint(join(path, '..w')).format).toBe('safetensors');
});
