import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../base/index.ts';
import {
  type Checkpoint,
  decodeStored,
  encodeStored,
  packingOf,
  type StoredTensor,
  type StoredType,
  type UniformCodes,
  uniformValues,
} from '../../checkpoint/index.ts';
import { compile, type Value, value } from '../../engine/index.ts';
import { input } from '../../tensor/index.ts';
import { packMatrices } from './pack.ts';
import { exactPacking, type Precision, packingFor } from './packing.ts';
import { type Packing, packedNames, packedWeights, stackedName } from './weights.ts';

const inner = 256; // a K-quant's block
const outs = { a: 24, b: 8, c: 300 }; // 300 rows are read in two pieces
const names = Object.keys(outs) as (keyof typeof outs)[];

const bits8: Packing = { bits: 8, block: 32, minimums: false, wideActivations: false };
const bits4WithMinimums: Packing = { bits: 4, block: 32, minimums: true, wideActivations: false };
const exactly = (type: StoredType) =>
  exactPacking({ tensors: new Map([['a', { type }]]) } as unknown as Checkpoint, 'a');
const own = (type: StoredType) => packingFor('auto', exactly(type), inner, false) as Packing;

/** Values as bytes of a type; of a type that is not written, blocks of random bytes whose scales are small. */
function blockBytes(type: StoredType, values: Float32Array, random: () => number): Uint8Array {
  const halves: Partial<Record<StoredType, readonly number[]>> = {
    Q2_K: [80, 82],
    Q3_K: [108],
    Q5_K: [0, 2],
    IQ4_NL: [0],
  };
  const places = halves[type];
  if (!places) return encodeStored(type, values);
  const { elements, bytes: size } = packingOf(type);
  const bytes = Uint8Array.from({ length: (values.length / elements) * size }, () => 256 * random());
  for (let at = 0; at < bytes.length; at += size) {
    for (const half of places) bytes.set([256 * random(), 0x10 + 4 * random()], at + half); // 0.0005 to 0.004
  }
  return bytes;
}

/** A checkpoint of three matrices in memory. */
function stored(type: StoredType): Checkpoint {
  const random = randomFrom(7);
  const bytes = new Map<string, Uint8Array>();
  const tensors = new Map<string, StoredTensor>();
  for (const name of names) {
    const values = Float32Array.from({ length: outs[name] * inner }, () => random() * random() - 0.3);
    values.fill(0, 32, 64); // a block of zeros
    values.fill(0.25, 64, 96); // and one of a constant
    bytes.set(name, blockBytes(type, values, random));
    const size = bytes.get(name)?.length ?? 0;
    tensors.set(name, { name, shape: [outs[name], inner], type, file: 'memory', offset: 0, bytes: size });
  }
  const readBytes: Checkpoint['readBytes'] = (name, { rows } = {}) => {
    const { shape, bytes: size } = tensors.get(name) as StoredTensor;
    const [from, to] = rows ?? [0, shape[0] as number];
    const rowBytes = size / (shape[0] as number);
    return (bytes.get(name) as Uint8Array).slice(from * rowBytes, to * rowBytes);
  };
  return {
    path: 'memory',
    format: 'gguf',
    config: {},
    tensors,
    tokenizer: { kind: 'folder', path: 'memory' },
    generation: {},
    readBytes,
    readFloat32(name, options = {}) {
      const rows = options.rows ? options.rows[1] - options.rows[0] : outs[name as keyof typeof outs];
      const into = options.into ?? new Float32Array(rows * inner);
      decodeStored(type, readBytes(name, options), into);
      return into;
    },
    close() {},
  };
}

/** What codes, scales, zeros and columns say, and the step between two codes of each block: see tensor/ops/quantized.ts. */
function unpacked(packed: Record<string, Value>, name: string, { bits, block }: Packing) {
  const part = packedNames(name);
  const codes = packed[part.codes]?.data as Uint8Array;
  const all = packed[part.scales] as Value<'f32'>;
  const zeros = packed[part.zeros]?.data as Uint8Array | undefined;
  const [rows, wide] = all.shape as [number, number];
  const blocks = inner / block;
  const number = (from: Uint8Array, at: number) => {
    return bits === 8 ? (from[at] as number) : ((from[at >> 1] as number) >> (4 * (at & 1))) & 15;
  };
  const zeroStride = zeros ? (zeros.length / rows) * (8 / bits) : 0;
  const element = (row: number, column: number) => {
    const at = Math.floor(column / block);
    const zero = zeros ? number(zeros, row * zeroStride + at) : 2 ** (bits - 1);
    return (all.data[row * wide + at] as number) * (number(codes, row * wide * block + column) - zero);
  };
  const added = (row: number, at: number) => {
    if (!zeros) return 0;
    const first = element(row, inner + at) / block;
    return bits === 8 ? first : first + element(row, inner + blocks + at) / block / 16;
  };
  const values = Float64Array.from({ length: rows * inner }, (_, i) => {
    const [row, column] = [Math.floor(i / inner), i % inner];
    return element(row, column) + added(row, Math.floor(column / block));
  });
  const scales = Float32Array.from({ length: rows * blocks }, (_, i) => {
    return all.data[Math.floor(i / blocks) * wide + (i % blocks)] as number;
  });
  return { values, scales };
}

const pack = (checkpoint: Checkpoint, packing: Packing, parts: readonly (keyof typeof outs)[]) => {
  const name = stackedName(parts);
  return packMatrices(
    checkpoint,
    parts.map((part) => ({ name: part, out: outs[part] })),
    inner,
    packing,
    name,
  );
};

const exact = (['Q4_0', 'Q5_0', 'Q8_0', 'IQ4_NL', 'Q3_K', 'Q6_K'] as const).map((type) => [type, own(type)] as const);

const almostExact = (['Q4_1', 'Q5_1', 'Q2_K', 'Q4_K', 'Q5_K'] as const).map((type) => [type, own(type)] as const);

const rounded = [
  ...(['F32', 'F16', 'BF16', 'Q4_0', 'Q4_1', 'Q4_K'] as const).map((type) => [type, bits8] as const),
  ...(['F32', 'BF16', 'Q8_0', 'Q6_K'] as const).map((type) => [type, bits4WithMinimums] as const),
] as const;

test('a type in blocks keeps its bits and blocks; the rest is rounded to what was asked for', () => {
  const told = (type: StoredType, precision: Precision, isTable = false) => {
    const packing = packingFor(precision, exactly(type), inner, isTable);
    return packing && `${packing.bits} ${packing.block}${packing.minimums ? ' minimums' : ''}`;
  };
  expect(told('Q4_K', 'auto')).toBe('4 32 minimums');
  expect(told('Q4_K', 'q4')).toBe('4 32 minimums');
  expect(told('Q4_K', 'q8')).toBe('8 32');
  expect(told('Q4_K', 'auto', true)).toBe('8 32');
  expect(told('Q6_K', 'auto')).toBe('8 16');
  expect(told('Q6_K', 'q8', true)).toBe('8 16');
  expect(told('Q6_K', 'q4')).toBe('4 32 minimums');
  expect(told('Q5_1', 'auto')).toBe('8 32 minimums');
  expect(told('Q3_K', 'q4')).toBe('4 16');
  expect(told('BF16', 'auto')).toBeUndefined();
  expect(told('Q8_0', 'f32')).toBeUndefined();
});

const title = '%s in the packing %o';

test.each(exact)(`${title} has the stored values exactly`, (type, packing) => {
  const checkpoint = stored(type);
  for (const name of names) {
    const { values } = unpacked(pack(checkpoint, packing, [name]), name, packing);
    expect(checkpoint.readFloat32(name).findIndex((value, i) => value !== Math.fround(values[i] as number))).toBe(-1);
  }
});

test.each(almostExact)(`${title} has the stored values but for a last digit of minimums`, (type, packing) => {
  const checkpoint = stored(type);
  for (const name of names) expect(beyond(checkpoint, packing, name, 0)).toBe(-1);
});

test.each(rounded)(`${title} is within half a step of the stored values`, (type, packing) => {
  const checkpoint = stored(type);
  for (const name of names) expect(beyond(checkpoint, packing, name, 0.5)).toBe(-1);
});

/** The first value that is further from the stored one than so many steps and what digits leave of a minimum. */
function beyond(checkpoint: Checkpoint, packing: Packing, name: keyof typeof outs, steps: number): number {
  const { values, scales } = unpacked(pack(checkpoint, packing, [name]), name, packing);
  const stored = checkpoint.readFloat32(name);
  const { block, bits } = packing;
  const blocks = inner / block;
  const lefts = Array.from({ length: stored.length / inner }, (_, row) => {
    const left = Array.from({ length: blocks }, (_, b) => {
      const step = scales[row * blocks + b] as number;
      const weights = stored.subarray(row * inner + b * block, row * inner + (b + 1) * block);
      // a zero leaves half a step of a minimum, unless the block is on one side of 0: then no more than its weights
      return Math.max(
        step / 2,
        ...(weights.every((w) => w > 0) || weights.every((w) => w < 0) ? weights.map(Math.abs) : []),
      );
    });
    return Math.max(...left);
  });
  return stored.findIndex((value, i) => {
    const step = scales[Math.floor(i / block)] as number;
    const left = packing.minimums ? (lefts[Math.floor(i / inner)] as number) / (bits === 4 ? 238 : 254) : 0;
    return !(Math.abs(value - (values[i] as number)) <= steps * step + left + 1e-6);
  });
}

test.each([
  ['8 bits', bits8],
  ['4 bits', bits4WithMinimums],
] as const)('a value that is not a number is found where it is rounded to %s, wherever it stands', (_, packing) => {
  for (const place of [0, 5, 31]) {
    const checkpoint = stored('F32');
    const withNaN: Checkpoint = {
      ...checkpoint,
      readFloat32(name, options) {
        const values = checkpoint.readFloat32(name, options);
        values[96 + place] = Number.NaN;
        return values;
      },
    };
    expect(() => pack(withNaN, packing, ['a'])).toThrow('NaN or Inf');
  }
});

describe.each([...exact, ...almostExact, ...rounded])(title, (type, packing) => {
  const checkpoint = stored(type);
  const rows = 5;
  const random = randomFrom(3);
  const x = Float32Array.from({ length: rows * inner }, () => 2 * random() - 1);
  const packedAs = packedWeights(() => packing);

  test.each([
    ['8', false, 0.01],
    ['16', true, 2e-4],
  ] as const)(
    'times activations is what the unpacked matrix gives, but for activations of %s bits',
    async (_, precise, most) => {
      const bound = pack(checkpoint, packing, ['c']);
      const y = packedWeights(() => ({ ...packing, wideActivations: precise })).linear(
        'c',
        outs.c,
        inner,
      )(input('x', 'f32', ['rows', inner]));
      const program = await compile({ y }, { weights: (name) => bound[name] });
      const { data } = (await program.run({ x: value('f32', [rows, inner], x) })).y as Value<'f32'>;
      await program.dispose();
      const { values } = unpacked(bound, 'c', packing);
      let [squares, errors] = [0, 0];
      for (let i = 0; i < rows; i++) {
        for (let o = 0; o < outs.c; o++) {
          const { sum, bound: explained } = product(x, i, values, o);
          const error = Math.abs((data[i * outs.c + o] as number) - sum);
          if (!(error <= explained))
            expect.fail(`row ${i}, output ${o} is ${error} away: ${explained} can be explained`);
          squares += sum * sum;
          errors += error * error;
        }
      }
      expect(Math.sqrt(errors / squares)).toBeLessThan(most);
    },
  );

  test('stacked with others of its input gives what each gives alone', async () => {
    const parts = names.map((name) => ({ name, out: outs[name], inner }));
    const from = input('x', 'f32', ['rows', inner]);
    const together = packedAs.fusedLinear(parts)(from);
    const outputs = Object.fromEntries(
      parts.flatMap(({ name, out }, i) => [
        [`joint.${name}`, together[i] as (typeof together)[0]],
        [`alone.${name}`, packedAs.linear(name, out, inner)(from)],
      ]),
    );
    const bound = Object.assign(
      {},
      ...[names, ...names.map((name) => [name])].map((p) => pack(checkpoint, packing, p)),
    );
    const program = await compile(outputs, { weights: (name) => bound[name] });
    const results = await program.run({ x: value('f32', [rows, inner], x) });
    await program.dispose();
    for (const name of names) {
      const [joint, alone] = [results[`joint.${name}`] as Value<'f32'>, results[`alone.${name}`] as Value<'f32'>];
      expect(joint.shape).toEqual([rows, outs[name]]);
      const apart = joint.data.map((each, i) => Math.abs(each - (alone.data[i] as number)));
      expect(Math.max(...apart)).toBeLessThan(1e-5);
    }
  });
});

/** One element of x times the matrix transposed, and how far rounding x to 8 bits a block of 32 can take it. */
function product(x: Float32Array, row: number, matrix: Float64Array, out: number): { sum: number; bound: number } {
  let [sum, bound] = [0, 1e-4];
  for (let block = 0; block < inner; block += 32) {
    let [largest, weights] = [0, 0];
    for (let i = block; i < block + 32; i++) {
      const [a, w] = [x[row * inner + i] as number, matrix[out * inner + i] as number];
      sum += a * w;
      largest = Math.max(largest, Math.abs(a));
      weights += Math.abs(w);
    }
    bound += (largest / 254) * weights;
  }
  return { sum, bound };
}

test('a ramp in Q4_0 has the bytes that the kernel reads', () => {
  // 32 values (j - 16) / 8: d = 0.25 and codes 0, 1, 1, 2, 2, … as Q4_0 has them (spec 5.9)
  const ramp = Float32Array.from({ length: 32 }, (_, j) => (j - 16) / 8);
  const hex = (bytes: unknown) =>
    Buffer.from(bytes as Uint8Array)
      .toString('hex')
      .toUpperCase();
  const bytes = encodeStored('Q4_0', ramp);
  expect(hex(bytes)).toBe('0034809191A2A2B3B3C4C4D5D5E6E6F7F7F8');
  const tensor: StoredTensor = { name: 'a', shape: [1, 32], type: 'Q4_0', file: '', offset: 0, bytes: 18 };
  const q4 = { tensors: new Map([['a', tensor]]), readBytes: () => bytes } as unknown as Checkpoint;
  const packed = (checkpoint: Checkpoint) =>
    packMatrices(checkpoint, [{ name: 'a', out: 1 }], 32, exactPacking(checkpoint, 'a') as Packing, 'a');
  const part = packedNames('a');
  const { [part.codes]: codes, [part.scales]: scales, ...rest } = packed(q4);
  expect(hex(codes?.data)).toBe('102132435465768798A9BACBDCEDFEFF');
  expect([scales?.data[0], rest]).toEqual([0.25, {}]);
});

test.each([
  ['symmetric 4-bit', 4, true],
  ['asymmetric 4-bit', 4, false],
  ['symmetric 8-bit', 8, true],
  ['asymmetric 8-bit', 8, false],
] as const)('%s codes of a container are multiplied as the values that they stand for', async (_, bits, symmetric) => {
  const random = randomFrom(bits);
  const [out, group] = [24, 64];
  const held: UniformCodes = {
    kind: 'uniform',
    out,
    inner,
    bits,
    group,
    codes: Uint8Array.from({ length: out * inner }, () => 2 ** bits * random()),
    scales: Float32Array.from({ length: (out * inner) / group }, () => 0.01 * random()),
    zeros: Uint8Array.from({ length: (out * inner) / group }, () =>
      symmetric ? 2 ** (bits - 1) : 2 ** bits * random(),
    ),
  };
  const checkpoint = {
    path: 'container',
    tensors: new Map(),
    quantization: {
      scheme: 'test',
      container: 'test',
      matrices: new Map([['a', { bits, group, grid: { symmetric }, bytes: 0 }]]),
    },
    readCodes: () => held,
  } as unknown as Checkpoint;
  const packing = exactPacking(checkpoint, 'a') as Packing;
  const weights = packedWeights(() => packing);
  const values = packMatrices(checkpoint, [{ name: 'a', out }], inner, packing, 'a');
  // one position per input, each a unit vector: the product is the matrix itself
  const identity = Float32Array.from({ length: inner * inner }, (_, at) => (at % (inner + 1) === 0 ? 1 : 0));
  const x = input('x', 'f32', [inner, inner]);
  const program = await compile({ y: weights.linear('a', out, inner)(x) }, { weights: (name) => values[name] });
  const { y } = await program.run({ x: value('f32', [inner, inner], identity) });
  await program.dispose();
  const expected = uniformValues(held);
  const found = (y as { data: Float32Array }).data;
  for (let row = 0; row < out; row++) {
    for (let i = 0; i < inner; i++) {
      expect(found[i * out + row]).toBeCloseTo(expected[row * inner + i] as number, 5);
    }
  }
});
