import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { BlockCodes, Nf4Codes, UniformCodes } from '../../checkpoint/index.ts';
import { type GgufType, ggufBlocks, ggufTypes } from './gguf.ts';
import { int8, mixedProduct } from './int8.ts';
import { nf4 } from './nf4.ts';
import { rtn } from './rtn.ts';
import type { Quantized, WeightMatrix } from './types.ts';

const matrix = (out: number, values: ArrayLike<number>): WeightMatrix => {
  const data = Float32Array.from(values);
  return { out, inner: data.length / out, data };
};
const ramp = matrix(
  1,
  Array.from({ length: 32 }, (_, j) => (j - 16) / 8),
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').toUpperCase();
const blockBytes = (type: GgufType) => hex((ggufBlocks(ramp, type).codes as BlockCodes).bytes);
const rmse = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - (b[i] as number)) ** 2, 0) / a.length);

describe('blocks of GGUF', () => {
  test('Q4_0 of a ramp has the bytes and the error of the definition', () => {
    // spec 5.7
    expect(blockBytes('Q4_0')).toBe('0034809191A2A2B3B3C4C4D5D5E6E6F7F7F8');
    const { values } = ggufBlocks(ramp, 'Q4_0');
    expect(Math.max(...values.map((value, i) => Math.abs(value - (ramp.data[i] as number))))).toBe(0.125);
    expect(rmse(values, ramp.data)).toBeCloseTo(0.0883883, 6);
  });

  test('Q4_1 and Q8_0 of the same ramp', () => {
    // spec 5.8
    expect(blockBytes('Q4_1')).toBe('223400C080809191A2A2B3B3C4C4D5D5E6E6F7F7');
    const { bytes } = ggufBlocks(ramp, 'Q8_0').codes as BlockCodes;
    expect(hex(bytes.subarray(0, 2))).toBe('0824');
    expect([...new Int8Array(bytes.slice(2).buffer)]).toEqual([
      -127, -119, -111, -103, -95, -87, -79, -71, -64, -56, -48, -40, -32, -24, -16, -8, 0, 8, 16, 24, 32, 40, 48, 56,
      64, 71, 79, 87, 95, 103, 111, 119,
    ]);
  });

  test('rows that are not whole blocks fall back to Q8_0, then F16, and it is told', () => {
    const held = (inner: number, type: GgufType) => ggufBlocks(matrix(2, new Float32Array(2 * inner).fill(1)), type);
    expect(held(64, 'Q4_K')).toMatchObject({
      codes: { type: 'Q8_0' },
      fallback: expect.stringContaining('Q8_0: rows of 64 values'),
    });
    expect(held(40, 'Q4_0')).toMatchObject({
      codes: { type: 'F16' },
      fallback: expect.stringContaining('F16: rows of 40 values'),
    });
    expect(held(64, 'Q4_0').fallback).toBeUndefined();
  });

  test.each(ggufTypes)('%s scales that would underflow keep the matrix in F32', (type) => {
    const next = normalFrom(randomFrom(1));
    const of = (size: number) =>
      ggufBlocks(
        matrix(
          2,
          Array.from({ length: 512 }, () => size * next()),
        ),
        type,
      );
    for (const size of [1e-9, 1e-7]) {
      expect(of(size)).toMatchObject({
        codes: { type: 'F32' },
        fallback: expect.stringContaining('half-precision scales'),
      });
    }
    for (const size of [1e-2, 1, 100]) expect(of(size)).toMatchObject({ codes: { type } });
    expect(of(1e12)).toMatchObject({ codes: { type: 'F32' } });
  });
});

describe('NF4', () => {
  const few = matrix(1, [2, -2, 0.5, -0.3, 0.1, -0.05, 1.2, -0.9, ...Array(56).fill(0)]);

  test('codes and values of a block', () => {
    // spec 5.10
    const { codes, values } = nf4(few, { block: 64, nested: false });
    expect([...(codes as Nf4Codes).codes.subarray(0, 9)]).toEqual([15, 0, 10, 5, 8, 7, 13, 3, 7]);
    expect([...(codes as Nf4Codes).absmax]).toEqual([2]);
    const decoded = [2, -2, 0.4922246, -0.3695469, 0.1591606, 0, 1.125234, -0.789835];
    for (const [i, value] of decoded.entries()) expect(values[i]).toBeCloseTo(value, 6);
  });

  test('no error is above 0.1519036 of the block maximum, and values of the table come back', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 64, maxLength: 64 }), (given) => {
        const { values } = nf4(matrix(1, given), { block: 64, nested: false });
        const largest = Math.max(...given.map(Math.abs));
        for (const [i, value] of given.entries()) {
          expect(Math.abs(value - (values[i] as number))).toBeLessThanOrEqual(0.1519037 * largest);
        }
        expect([...nf4(matrix(1, values), { block: 64, nested: false }).values]).toEqual([...values]);
      }),
    );
  });

  test('nested scales cost 4.127 bits and stay near the plain ones', () => {
    const next = normalFrom(randomFrom(2));
    const normal = matrix(64, Array.from({ length: 64 * 512 }, next));
    const [plain, nested] = [false, true].map((each) => nf4(normal, { block: 64, nested: each }).codes as Nf4Codes);
    for (const [b, value] of plain?.absmax.entries() ?? []) {
      expect(Math.abs(value - (nested?.absmax[b] as number)) / value).toBeLessThan(0.02);
    }
    expect(nested?.nested?.codes.length).toBe(512);
  });

  test('scales of a very wide range stay plain, and it is told', () => {
    const wide = matrix(
      6,
      Array.from({ length: 6 * 64 }, (_, i) => (i < 64 ? 1000 : 1e-4)),
    );
    expect(nf4(wide, { block: 64, nested: true })).toMatchObject({ fallback: expect.stringContaining('plain scales') });
  });
});

test('root mean square errors on normal numbers', () => {
  // spec 5.11, on 2^18 draws
  const next = normalFrom(randomFrom(3));
  const normal = matrix(64, Array.from({ length: 2 ** 18 }, next));
  const error = ({ values }: Quantized) => rmse(values, normal.data);
  const close = (measured: number, expected: number) => expect(Math.abs(measured / expected - 1)).toBeLessThan(0.02);
  for (const [block, expected] of [
    [32, 0.0873],
    [64, 0.092],
    [128, 0.0957],
  ] as const)
    close(error(nf4(normal, { block, nested: false })), expected);
  close(error(ggufBlocks(normal, 'Q4_0')), 0.086);
  close(error(ggufBlocks(normal, 'Q4_1')), 0.0782);
  close(error(ggufBlocks(normal, 'Q8_0')), 0.00535);
  close(error(rtn(normal, { bits: 4, group: 64, asymmetric: false })), 0.1078);
  close(error(int8(normal)), 0.00869);
});

describe('LLM.int8', () => {
  const x = Float32Array.of(1.2, -2, 60, 0.4, 1, -0.25);
  const weight = matrix(1, [0.6, -1, 0.3]);
  const product = (threshold: number, outlierWeights: 'int8' | 'full') =>
    mixedProduct(x, weight, { threshold, outlierWeights });

  test('outlier columns apart, the rest in int8', () => {
    // spec 5.12
    const mixed = product(6, 'int8');
    expect(mixed.outliers).toEqual([2]);
    expect([...mixed.codes]).toEqual([76, -127, 0, 51, 127, 0]);
    expect([...(int8(weight).codes as UniformCodes).codes].map((code) => code - 128)).toEqual([76, -127, 38]);
    expect(mixed.product[0]).toBeCloseTo(20.6689813, 5);
    expect(mixed.product[1]).toBeCloseTo(-0.8344907, 6);
    expect([...product(6, 'full').product].map((value) => value.toFixed(5))).toEqual(['20.71623', '-0.83469']);
  });

  test('without a threshold everything is int8', () => {
    expect([...product(0, 'int8').codes]).toEqual([3, -4, 127, 51, 127, -32]);
  });
});

describe('round to nearest', () => {
  test('codes stay on their side, zeros cost nothing', () => {
    const { codes, values } = rtn(matrix(2, [0, 0, 0, 0, 1, -7, 3.4, 2.5]), { bits: 4, group: 4, asymmetric: false });
    expect([...values]).toEqual([0, 0, 0, 0, 1, -7, 3, 2]); // 2.5 goes to the even neighbour
    expect(codes).toMatchObject({ scales: Float32Array.of(1, 1), zeros: Uint8Array.of(8, 8) });
  });

  test('a ramp on an asymmetric grid', () => {
    // spec 5.9
    const { scales, zeros } = rtn(ramp, { bits: 4, group: 32, asymmetric: true }).codes as UniformCodes;
    expect([scales[0]?.toFixed(6), zeros[0]]).toEqual(['0.258333', 8]);
  });

  test('asymmetric grids hold 0 and the extremes', () => {
    const { values, codes } = rtn(matrix(1, [1, 2, 3, 16]), { bits: 4, group: 4, asymmetric: true });
    expect((codes as UniformCodes).zeros[0]).toBe(0);
    expect(values[3]).toBeCloseTo(16, 5);
  });

  const anyMatrix = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 32, maxLength: 32 });
  test('no error is above half a step, and a quantized matrix stays as it is', () => {
    fc.assert(
      fc.property(
        anyMatrix,
        fc.constantFrom(2, 3, 4, 8),
        fc.boolean(),
        fc.constantFrom(8, 16),
        (given, bits, asymmetric, group) => {
          const options = { bits, group, asymmetric } as const;
          const { codes, values } = rtn(matrix(2, given), options);
          const { scales } = codes as UniformCodes;
          values.forEach((value, i) => {
            const step = scales[Math.floor(i / group)] as number;
            // an asymmetric zero is rounded too, which may move an extreme by another half step
            expect(Math.abs(value - (given[i] as number))).toBeLessThanOrEqual((asymmetric ? 1 : 0.5) * step * 1.0001);
          });
        },
      ),
    );
  });
});
