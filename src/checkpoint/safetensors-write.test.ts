import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { openFolder } from './folder.ts';
import { openSafetensors } from './safetensors.ts';
import { type TensorToWrite, writeSafetensors, writeSharded } from './safetensors-write.ts';

function floats(name: string, values: number[], shape = [values.length]): TensorToWrite {
  return { name, shape, type: 'F32', bytes: () => new Uint8Array(new Float32Array(values).buffer) };
}

describe('one file', () => {
  test('has the very bytes that the Python writer gives', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    await writeSafetensors(path, [
      { name: 'b', shape: [3], type: 'I8', bytes: () => Uint8Array.of(1, 2, 3) },
      floats('a', [1, -2.5], [2, 1]),
    ]);
    // safetensors 0.8.0: save({'a': float32 [[1], [-2.5]], 'b': int8 [1, 2, 3]}, metadata={'format': 'pt'})
    const json =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[3],"data_offsets":[8,11]}}';
    const data = [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 1, 2, 3];
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8, ' ');
    expect(readFileSync(path)).toEqual(
      Buffer.concat([Uint8Array.of(padded.length, 0, 0, 0, 0, 0, 0, 0), Buffer.from(padded), Uint8Array.from(data)]),
    );
  });

  test('puts every tensor at a multiple of its element size', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    const sizes = { BOOL: 1, F16: 2, F64: 8, U8: 1, F32: 4 };
    const types = Object.keys(sizes) as (keyof typeof sizes)[];
    await writeSafetensors(
      path,
      types.map((type) => ({ name: type, shape: [3], type, bytes: () => new Uint8Array(3 * sizes[type]) })),
    );
    const file = openSafetensors(path);
    expect(types.map((type) => (file.tensors.get(type)?.offset ?? 1) % sizes[type])).toEqual([0, 0, 0, 0, 0]);
    file.close();
  });

  test('takes bytes in pieces, scalars, empty tensors, odd names and metadata', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    const tensors: TensorToWrite[] = [
      { name: '__proto__', shape: [2, 2], type: 'U8', bytes: () => [Uint8Array.of(1), Uint8Array.of(2, 3, 4)] },
      { name: '"\n', shape: [], type: 'U8', bytes: () => Uint8Array.of(7) },
      { name: '', shape: [4, 0], type: 'F64', bytes: () => [] },
    ];
    await writeSafetensors(path, tensors, { from: 'ü' });
    const file = openSafetensors(path);
    expect(file.metadata).toEqual({ from: 'ü' });
    expect([...file.tensors.values()].map(({ name, shape }) => [name, shape])).toEqual([
      ['', [4, 0]],
      ['__proto__', [2, 2]],
      ['"\n', []],
    ]);
    expect([...file.readFloat32('__proto__'), ...file.readFloat32('"\n')]).toEqual([1, 2, 3, 4, 7]);
    file.close();
  });

  test('is not left behind when a tensor has too few or too many bytes', async () => {
    const folder = temporaryFolder();
    const write = (values: number[]) => writeSafetensors(join(folder, 'x'), [floats('a', values, [2])]);
    expect(await refusalOf(() => write([1]))).toMatch(/tensor "a": 4 bytes were given, but its shape takes 8/);
    expect(await refusalOf(() => write([1, 2, 3]))).toMatch(/12 bytes were given/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('does not take a name twice, nor the one of the metadata, nor an impossible shape', async () => {
    const write = (...tensors: TensorToWrite[]) => writeSafetensors(join(temporaryFolder(), 'x'), tensors);
    expect(await refusalOf(() => write(floats('a', [1]), floats('a', [1])))).toMatch(/"a": would be written twice/);
    expect(await refusalOf(() => write(floats('__metadata__', [1])))).toMatch(/would be written twice/);
    expect(await refusalOf(() => write(floats('a', [1], [-1])))).toMatch(/"a": its shape holds -1/);
    expect(await refusalOf(() => write(floats('a', [1], [2 ** 40, 2 ** 40])))).toMatch(/overflows/);
  });
});

describe('a checkpoint', () => {
  const tensors = [floats('w.1', [1, 2]), floats('w.0', [3]), floats('big', [4, 5, 6, 7]), floats('last', [8])];

  test('that fits one shard is model.safetensors', async () => {
    const folder = temporaryFolder();
    await writeSharded(folder, tensors, 32);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  test('without tensors is an empty model.safetensors', async () => {
    const folder = temporaryFolder();
    await writeSharded(folder, []);
    const file = openSafetensors(join(folder, 'model.safetensors'));
    expect(file.tensors.size).toBe(0);
    file.close();
  });

  test('that does not is cut between tensors as transformers cuts it, and reads back', async () => {
    const folder = join(temporaryFolder(), 'made');
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), '{}');
    await writeSharded(folder, tensors, 12);
    // What split_torch_state_dict_into_shards(tensors, max_shard_size=12) of huggingface_hub gives.
    expect(JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_size: 32 },
      weight_map: {
        big: 'model-00001-of-00003.safetensors',
        last: 'model-00003-of-00003.safetensors',
        'w.0': 'model-00002-of-00003.safetensors',
        'w.1': 'model-00002-of-00003.safetensors',
      },
    });
    const checkpoint = openFolder(folder);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['big', 'last', 'w.0', 'w.1']);
    const values = ['w.1', 'w.0', 'big', 'last'].flatMap((name) => [...checkpoint.readFloat32(name)]);
    expect(values).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    checkpoint.close();
  });

  test('does not hold a name in two shards', async () => {
    const twice = [floats('a', [1]), floats('a', [1])];
    expect(await refusalOf(() => writeSharded(temporaryFolder(), twice, 4))).toMatch(/"a": would be written twice/);
  });
});
