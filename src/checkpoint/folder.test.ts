import { existsSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { refusalOf, safetensorsBytes, temporaryFolder } from '../../test/hostile.ts';
import { openFolder } from './folder.ts';

/** A safetensors file with one byte a tensor: 0, 1, 2 and so on. */
function shard(...names: string[]): Buffer {
  const header = names.map((name, i) => [name, { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }]);
  return safetensorsBytes(
    Object.fromEntries(header),
    Uint8Array.from(names, (_, i) => i),
  );
}

function folderWith(files: Record<string, string | Uint8Array>): string {
  const folder = temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

const index = (weight_map: unknown) => JSON.stringify({ metadata: {}, weight_map });

/** How many files of a folder this process has open. */
function openIn(folder: string): number {
  const links = readdirSync('/proc/self/fd').map((descriptor) => {
    const link = `/proc/self/fd/${descriptor}`;
    return existsSync(link) ? readlinkSync(link) : ''; // the one that lists them is gone already
  });
  return links.filter((path) => path.startsWith(folder)).length;
}

describe('a folder', () => {
  test('gives its configuration, its tokenizer and the tensors of its one file', () => {
    const path = folderWith({ 'config.json': '{"a":1}', 'model.safetensors': shard('x', 'y') });
    const checkpoint = openFolder(path);
    expect(checkpoint).toMatchObject({ path, format: 'safetensors', config: { a: 1 }, generation: {} });
    expect(checkpoint.tokenizer).toEqual({ kind: 'folder', path });
    expect([...checkpoint.tensors.keys()]).toEqual(['x', 'y']);
    expect([...checkpoint.readFloat32('y'), ...checkpoint.readBytes('y')]).toEqual([1, 1]);
    checkpoint.close();
  });

  test.each([
    ['{"eos_token_id":[0,2]}', undefined, { eos_token_id: [0, 2] }],
    ['{"text_config":{"eos_token_id":1}}', '{"top_k":3}', { top_k: 3, eos_token_id: 1 }],
    ['{"eos_token_id":7}', '{"eos_token_id":2}', { eos_token_id: 2 }],
  ])('with %s and %s takes the ends of texts from the one that has them', (config, generation, expected) => {
    const own: Record<string, string> = generation === undefined ? {} : { 'generation_config.json': generation };
    const files = { 'config.json': config, 'model.safetensors': shard('x'), ...own };
    expect(openFolder(folderWith(files)).generation).toEqual(expected);
  });

  test('gives the tensors of its shards and generation_config.json', () => {
    const checkpoint = openFolder(
      folderWith({
        'config.json': '{}',
        'generation_config.json': '{"eos_token_id":[1,2]}',
        'a.safetensors': shard('x'),
        'b.safetensors': shard('z', 'y'),
        'model.safetensors.index.json': index({ y: 'b.safetensors', x: 'a.safetensors', z: 'b.safetensors' }),
      }),
    );
    expect(checkpoint.generation).toEqual({ eos_token_id: [1, 2] });
    expect([...checkpoint.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ['y', join(checkpoint.path, 'b.safetensors')],
      ['x', join(checkpoint.path, 'a.safetensors')],
      ['z', join(checkpoint.path, 'b.safetensors')],
    ]);
    expect(['x', 'y', 'z'].map((name) => checkpoint.readFloat32(name)[0])).toEqual([0, 1, 0]);
    checkpoint.close();
  });

  test.skipIf(process.platform !== 'linux')(
    'leaves no file open, when it is closed or when a shard is damaged',
    async () => {
      const files = {
        'config.json': '{}',
        'a.safetensors': shard('x'),
        'b.safetensors': shard('y'),
        'model.safetensors.index.json': index({ x: 'a.safetensors', y: 'b.safetensors' }),
      };
      const sound = openFolder(folderWith(files));
      expect(openIn(sound.path)).toBe(2);
      sound.close();
      sound.close();
      expect(openIn(sound.path)).toBe(0);
      const damaged = folderWith({ ...files, 'b.safetensors': 'broken' });
      await refusalOf(() => openFolder(damaged));
      expect(openIn(damaged)).toBe(0);
    },
  );
});

describe('refused with a sentence:', () => {
  const config = { 'config.json': '{}' };
  const indexed = (map: unknown) => ({
    ...config,
    'a.safetensors': shard('x'),
    'model.safetensors.index.json': index(map),
  });
  const cases: [title: string, files: Record<string, string | Uint8Array>, sentence: RegExp][] = [
    ['a folder without config.json', { 'model.safetensors': shard('x') }, /has no config\.json/],
    ['an adapter', { 'adapter_config.json': '{}' }, /it is an adapter: pass it with --adapter/],
    ['a config that is no JSON', { 'config.json': '{' }, /config\.json: is not valid JSON/],
    ['a config that is a list', { 'config.json': '[]' }, /config\.json: is not a JSON object/],
    ['a generation config that is a list', { ...config, 'generation_config.json': '[]' }, /is not a JSON object/],
    ['no weights', config, /has neither model\.safetensors nor .*download the weights too/],
    ['pickled weights', { ...config, 'pytorch_model.bin': 'x' }, /"pytorch_model\.bin", a pickle/],
    ['a GGUF file in a folder', { ...config, 'm.gguf': 'x' }, /use .*m\.gguf itself/],
    ['an index without a map', { ...config, 'model.safetensors.index.json': '{}' }, /weight_map is not an object/],
    [
      'an index to a missing shard',
      indexed({ x: 'b.safetensors' }),
      /index\.json: lists "b\.safetensors", which does not exist/,
    ],
    ['an index to a number', indexed({ x: 1 }), /tensor "x": its shard is not a file name/],
    ['an index to pickle', indexed({ x: 'a.bin' }), /"a\.bin", a pickle/],
    ['an index to the folder above', indexed({ x: '../a.safetensors' }), /"\.\.\/a\.safetensors" lies outside/],
    ['an index to the root', indexed({ x: '/a.safetensors' }), /lies outside the folder/],
    ['an index with a backslash', indexed({ x: '..\\a.safetensors' }), /lies outside the folder/],
    ['an index with a zero byte', indexed({ x: 'a\0.safetensors' }), /lies outside the folder/],
    [
      'an index that lists a tensor too many',
      indexed({ y: 'a.safetensors' }),
      /a\.safetensors: tensor "y": is missing/,
    ],
  ];
  test.each(cases)('%s', async (_, files, sentence) => {
    expect(await refusalOf(() => openFolder(folderWith(files)))).toMatch(sentence);
  });

  test('a folder that is not there, and a file', async () => {
    const path = folderWith({ x: '' });
    expect(await refusalOf(() => openFolder(join(path, 'x')))).toMatch(/cannot be opened as a folder/);
    rmSync(path, { recursive: true });
    expect(await refusalOf(() => openFolder(path))).toMatch(/cannot be opened as a folder/);
  });

  test('a tensor that it does not have', async () => {
    const checkpoint = openFolder(folderWith({ ...config, 'model.safetensors': shard('x') }));
    expect(await refusalOf(() => checkpoint.readFloat32('y'))).toMatch(/tensor "y": is missing/);
    checkpoint.close();
  });
});
