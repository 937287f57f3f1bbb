/** The kernels that pack blocks, in WebAssembly, beside the same computed one number at a time. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import {
  type BlockType,
  type Checkpoint,
  integerForms,
  packingOf,
  type StoredTensor,
} from '../../src/checkpoint/index.ts';
import { packMatrices } from '../../src/model/weights/pack.ts';
import { blocksInRow, type Packing, packedNames } from '../../src/model/weights/weights.ts';
import { minimumsAsColumns, scalarForms } from './scalar-packing.ts';

const types = Object.keys(integerForms) as BlockType[];
const halves: Record<BlockType, readonly number[]> = {
  ...{ Q4_0: [0], Q4_1: [0, 2], Q5_0: [0], Q5_1: [0, 2], Q8_0: [0], IQ4_NL: [0] },
  ...{ Q2_K: [80, 82], Q3_K: [108], Q4_K: [0, 2], Q5_K: [0, 2], Q6_K: [208] },
};

/** Random blocks: every bit but those of infinity and NaN, now and then scales of 0 or ones that are hardly more. */
function randomBlocks(type: BlockType, count: number, seed: number): Uint8Array {
  const random = randomFrom(seed);
  const { bytes: size } = packingOf(type);
  const bytes = Uint8Array.from({ length: count * size }, () => 256 * random());
  for (let at = 0; at < bytes.length; at += size) {
    for (const half of halves[type]) {
      const high = bytes[at + half + 1] as number;
      const kind = random();
      if ((high & 0x7c) === 0x7c) bytes[at + half + 1] = high & 0xbf;
      if (kind < 0.1) bytes[at + half + 1] = high & 0x83; // tiny
      if (kind < 0.05) bytes.fill(0, at + half, at + half + 2);
    }
  }
  return bytes;
}

function checkpointOf(type: BlockType, out: number, inner: number, bytes: Uint8Array): Checkpoint {
  const tensor: StoredTensor = { name: 'a', shape: [out, inner], type, file: '', offset: 0, bytes: bytes.length };
  const readBytes: Checkpoint['readBytes'] = (_, { rows = [0, out], room } = {}) => {
    const read = bytes.slice((bytes.length / out) * rows[0], (bytes.length / out) * rows[1]);
    if (!room || seedOf(bytes) % 2 === 0) return read; // in an array of its own
    room.set(read);
    return room.subarray(0, read.length);
  };
  const readFloat32 = () => Float32Array.of(Number.NaN);
  return { path: '', tensors: new Map([['a', tensor]]), readBytes, readFloat32 } as unknown as Checkpoint;
}

const seedOf = (bytes: Uint8Array) => bytes[5] as number;

test.each(types)('%s: codes, scales, zeros and columns are those of plain loops, bit for bit', (type) => {
  const { bits, group: block, minimums } = integerForms[type];
  const packing: Packing = { bits, block, minimums, wideActivations: false };
  const { elements } = packingOf(type);
  const sizes = { out: fc.integer({ min: 1, max: 300 }), blocks: fc.integer({ min: 1, max: 40 }), seed: fc.nat(1e6) };
  fc.assert(
    fc.property(fc.record(sizes), ({ out, blocks, seed }) => {
      const inner = blocks * elements * (elements === 256 ? 1 : 3);
      if (out * inner > 100_000) return;
      const bytes = randomBlocks(type, (out * inner) / elements, seed);
      const packed = packMatrices(checkpointOf(type, out, inner, bytes), [{ name: 'a', out }], inner, packing, 'a');
      const wide = blocksInRow(inner, packing);
      const expected = {
        codes: new Uint8Array((out * wide * block * bits) / 8),
        scales: new Float32Array(out * wide),
        minimums: new Float32Array(out * wide),
      };
      const size = bytes.length / out;
      for (let row = 0; row < out; row++) {
        scalarForms[type].unpack(bytes.subarray(row * size, (row + 1) * size), expected, row * wide);
      }
      const zeros = minimums ? minimumsAsColumns(expected, out, inner, packing) : undefined;
      const names = packedNames('a');
      const differing = (name: keyof typeof names, computed: Uint8Array | Float32Array) => {
        return Buffer.compare(bytesOf(packed[names[name]]?.data as Uint8Array), bytesOf(computed)) !== 0;
      };
      expect(differing('codes', expected.codes)).toBe(false);
      expect(differing('scales', expected.scales)).toBe(false);
      expect(zeros ? differing('zeros', zeros) : packed[names.zeros]).toBe(zeros ? false : undefined);
    }),
    { numRuns: 20 },
  );
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array) => {
  return new Uint8Array(buffer, byteOffset, byteLength);
};

test.each(types)('%s: a scale or a minimum that is not finite is found wherever it stands', (type) => {
  const { bits, group: block, minimums } = integerForms[type];
  const packing: Packing = { bits, block, minimums, wideActivations: false };
  const { elements, bytes: size } = packingOf(type);
  const [out, inner] = [3, 3 * elements];
  for (const half of halves[type]) {
    for (const high of [0x7c, 0xfc, 0x7e]) {
      for (const at of [0, 4, 8]) {
        const bytes = randomBlocks(type, 9, 1);
        bytes.fill(0xff, at * size, (at + 1) * size); // no scale of a group is 0
        for (const each of halves[type]) bytes.set([0, 0x10], at * size + each);
        bytes.set([0, high], at * size + half);
        const checkpoint = checkpointOf(type, out, inner, bytes);
        const pack = () => packMatrices(checkpoint, [{ name: 'a', out }], inner, packing, 'a');
        expect(pack).toThrow('NaN or Inf');
      }
    }
  }
});
