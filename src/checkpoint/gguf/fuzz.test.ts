import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { CriaError } from '../../base/index.ts';
import { openGguf } from './open.ts';

const cases = Number(process.env.CRIA_FUZZ_CASES ?? 1000);
const folder = mkdtempSync(join(tmpdir(), 'cria-gguf-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Half of the bytes of the seeds are weights, which cannot be wrong: mutations go to the header before them. */
const seeds = ['llama', 'gemma3'].map((name) => readFileSync(`test/goldens/gguf/${name}.gguf`));
const headerBytes = 2500;

/** Numbers that are wrong in most places: lengths, counts, types and offsets. */
const nasty = [
  0n,
  1n,
  2n,
  9n,
  31n,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const place = fc.nat(headerBytes);
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at: place, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('u32' as const), at: place, value: fc.constantFrom(...nasty) }),
  fc.record({ kind: fc.constant('u64' as const), at: place, value: fc.constantFrom(...nasty) }),
  fc.record({ kind: fc.constant('cut' as const), at: place, value: fc.nat(64) }),
  fc.record({ kind: fc.constant('repeat' as const), at: place, value: fc.nat(64) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat(20_000), value: fc.constant(0) }),
);

test(
  `a damaged file opens and reads, or is refused with a CriaError, in bounded memory (${cases} cases)`,
  () => {
    const path = join(folder, 'fuzzed.gguf');
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(mutation, { minLength: 1, maxLength: 4 }), (seed, mutations) => {
        writeFileSync(path, mutations.reduce<Buffer>(mutated, seed));
        const before = process.memoryUsage();
        try {
          readAll(path);
        } catch (error) {
          if (!(error instanceof CriaError)) throw error;
          expect(error.message).toContain(path);
          refused++;
        }
        const after = process.memoryUsage();
        expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64e6);
        expect(after.heapUsed - before.heapUsed).toBeLessThan(64e6);
      }),
      { numRuns: cases, seed: 1 },
    );
    expect(refused).toBeGreaterThan(cases / 10);
    expect(refused).toBeLessThan(cases);
  },
  30_000 + 20 * cases,
);

function readAll(path: string): void {
  const checkpoint = openGguf(path);
  try {
    for (const name of checkpoint.tensors.keys()) checkpoint.readFloat32(name);
  } finally {
    checkpoint.close();
  }
}

function mutated(file: Buffer, { kind, at, value }: { kind: string; at: number; value: number | bigint }): Buffer {
  const copy = Buffer.from(file);
  if (kind === 'end') return copy.subarray(0, at);
  if (kind === 'cut') return Buffer.concat([copy.subarray(0, at), copy.subarray(at + Number(value))]);
  if (kind === 'repeat') return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - Number(value)))]);
  if (kind === 'byte' && at < copy.length) copy[at] = Number(value);
  if (kind === 'u32' && at + 4 <= copy.length) copy.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(value))), at);
  if (kind === 'u64' && at + 8 <= copy.length) copy.writeBigUInt64LE(BigInt(value), at);
  return copy;
}
