import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safetensorsBytes, temporaryFolder } from '../../test/hostile.ts';
import { CriaError } from '../base/index.ts';
import { openFolder } from './folder.ts';

const numRuns = Number(process.env.CRIA_FUZZ_CASES ?? 1000);
const timeout = 10_000 + 20 * numRuns;
const parameters = { numRuns, seed: 0 };

const validHeader = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
  c: { dtype: 'I64', shape: [], data_offsets: [32, 40] },
  d: { dtype: 'BOOL', shape: [0, 7], data_offsets: [40, 40] },
};
const data = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
const valid = safetensorsBytes(validHeader, data);
const validIndex = Buffer.from(JSON.stringify({ weight_map: { a: 'model-1.safetensors', c: 'model-1.safetensors' } }));

type Outcome = 'opened' | 'refused';

/** Opens a folder with these files and reads every tensor; anything but success or a CriaError is passed on. */
function open(folder: string, files: Record<string, Uint8Array>): Outcome {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  try {
    const checkpoint = openFolder(folder);
    for (const name of checkpoint.tensors.keys()) {
      expect(checkpoint.readFloat32(name).byteLength).toBeLessThanOrEqual(4 * checkpoint.readBytes(name).length);
    }
    checkpoint.close();
    return 'opened';
  } catch (error) {
    if (!(error instanceof CriaError)) throw error;
    expect(error.message).toMatch(/^[^\n]{10,1000}$/);
    return 'refused';
  }
}

/** Tries many files; both outcomes must occur, and memory and the slowest case stay within bounds. */
function fuzz(bytes: fc.Arbitrary<Uint8Array>, files: (bytes: Uint8Array) => Record<string, Uint8Array>): void {
  const folder = join(temporaryFolder(), 'model');
  mkdirSync(folder);
  const outcomes = new Set<Outcome>();
  const before = process.memoryUsage().rss;
  let slowestMs = 0;
  fc.assert(
    fc.property(bytes, (mutated) => {
      const start = performance.now();
      outcomes.add(open(folder, files(mutated)));
      slowestMs = Math.max(slowestMs, performance.now() - start);
    }),
    parameters,
  );
  expect([...outcomes].sort()).toEqual(['opened', 'refused']);
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  expect(slowestMs).toBeLessThan(2000);
}

const config = Buffer.from('{"model_type":"llama"}');
const asModel = (bytes: Uint8Array) => ({ 'config.json': config, 'model.safetensors': bytes });

/** Some bytes of `original` changed, then some of its end cut off or bytes added. */
function mutations(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const flip = fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }));
  return fc
    .tuple(fc.array(flip, { maxLength: 4 }), fc.oneof(fc.constant(0), fc.integer({ min: -original.length, max: 20 })))
    .map(([flips, grow]) => {
      const bytes = new Uint8Array(original.length + grow);
      bytes.set(original.subarray(0, bytes.length));
      for (const [at, mask] of flips) if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ mask;
      return bytes;
    });
}

test(
  'a safetensors file with changed, missing or added bytes opens or is refused in a sentence',
  () => {
    fuzz(mutations(valid), asModel);
  },
  timeout,
);

test(
  'a header length that lies is refused unless it is true by chance',
  () => {
    const length = fc.oneof(fc.constant(BigInt(valid.length - 48)), fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n - 1n));
    fuzz(
      length.map((bytes) => safetensorsBytes(validHeader, data, bytes)),
      asModel,
    );
  },
  timeout,
);

test(
  'any header, near to a right one or not, opens or is refused in a sentence',
  () => {
    const odd = fc.oneof(
      fc.constantFrom(0, 1, 4, 40, -1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, null, '', '1', true, [], {}),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const size = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 5, 10) }, { weight: 1, arbitrary: odd });
    const offset = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 0, 40, 20) }, { weight: 1, arbitrary: odd });
    const tensor = fc.record(
      {
        dtype: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom('F32', 'F16', 'U8', 'F64', 'F4') },
          { weight: 1, arbitrary: odd },
        ),
        shape: fc.oneof({ weight: 9, arbitrary: fc.array(size, { maxLength: 3 }) }, { weight: 1, arbitrary: odd }),
        data_offsets: fc.oneof(fc.constant([0, 40]), fc.tuple(offset, offset), odd),
      },
      { requiredKeys: ['dtype', 'shape'] },
    );
    const name = fc.oneof(fc.constantFrom('a', '__proto__', '__metadata__', 'constructor'), fc.string());
    const header = fc.oneof(
      { weight: 4, arbitrary: fc.dictionary(name, fc.oneof({ weight: 9, arbitrary: tensor }, odd), { maxKeys: 3 }) },
      { weight: 1, arbitrary: fc.constantFrom(validHeader) },
      { weight: 1, arbitrary: odd },
      { weight: 1, arbitrary: fc.string() },
      { weight: 1, arbitrary: fc.nat(100_000).map((depth) => `{"a":${'['.repeat(depth)}`) },
    );
    fuzz(
      header.map((json) => safetensorsBytes(json, data)),
      asModel,
    );
  },
  timeout,
);

test(
  'an index with changed, missing or added bytes opens or is refused in a sentence',
  () => {
    fuzz(mutations(validIndex), (bytes) => ({
      'config.json': config,
      'model-1.safetensors': valid,
      'model.safetensors.index.json': bytes,
    }));
  },
  timeout,
);

test(
  'a config.json with changed, missing or added bytes opens or is refused in a sentence',
  () => {
    fuzz(mutations(config), (bytes) => ({ ...asModel(valid), 'config.json': bytes }));
  },
  timeout,
);
