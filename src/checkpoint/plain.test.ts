import { describe, expect, test } from 'vitest';
import { float32ToPlain, plainToFloat32 } from './plain.ts';
import type { PlainType } from './types.ts';

function read(type: PlainType, bytes: ArrayLike<number> & ArrayBufferView, count: number): number[] {
  const into = new Float32Array(count);
  plainToFloat32(type, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), into);
  return [...into];
}

const words = (bytes: Uint8Array): number[] => [...new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)];

/** IEEE 754 binary16, by definition. */
function halfByDefinition(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(bits / 1024) % 32;
  const fraction = bits % 1024;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const allBits = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

describe('reading', () => {
  test('every half-precision number has its IEEE 754 value', () => {
    expect(read('F16', allBits, 65_536)).toEqual([...allBits].map(halfByDefinition));
  });

  test('every bfloat16 number is the float32 with the same upper half', () => {
    const view = new DataView(new ArrayBuffer(4));
    const expected = [...allBits].map((bits) => {
      view.setUint32(0, bits * 65_536);
      return view.getFloat32(0);
    });
    expect(read('BF16', allBits, 65_536)).toEqual(expected);
  });

  test('64-bit integers beyond float32 are rounded to the nearest', () => {
    const values = [0n, -1n, 2n ** 40n, -(2n ** 63n), 2n ** 63n - 1n, 4_294_967_295n, -4_294_967_297n];
    expect(read('I64', BigInt64Array.from(values) as never, values.length)).toEqual(
      values.map((value) => Math.fround(Number(value))),
    );
  });

  test('machine types keep their values, float64 is rounded to float32', () => {
    expect(read('F64', new Float64Array([0.1, -1e300, Number.NaN]), 3)).toEqual([
      Math.fround(0.1),
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
    expect(read('F32', new Float32Array([1.5, -0]), 2)).toEqual([1.5, -0]);
    expect(read('I32', new Int32Array([-7, 16_777_217]), 2)).toEqual([-7, 16_777_216]);
    expect(read('I16', new Int16Array([-32_768, 5]), 2)).toEqual([-32_768, 5]);
    expect(read('I8', new Int8Array([-128, 127]), 2)).toEqual([-128, 127]);
    expect(read('U8', new Uint8Array([0, 255]), 2)).toEqual([0, 255]);
    expect(read('BOOL', new Uint8Array([1, 0]), 2)).toEqual([1, 0]);
  });

  test('bytes that are not aligned to their elements are read all the same', () => {
    const bytes = new Uint8Array([9, ...new Uint8Array(new Float64Array([2.5, -3]).buffer)]);
    expect(read('F64', bytes.subarray(1), 2)).toEqual([2.5, -3]);
    const into = new Float32Array(2);
    plainToFloat32('F64', Buffer.from(bytes).subarray(1), into); // a Buffer's slice would be no copy
    expect([...into]).toEqual([2.5, -3]);
  });
});

describe('writing', () => {
  test('every half-precision number survives float32 and back, as do bfloat16 and float32', () => {
    for (const type of ['F16', 'BF16'] as const) {
      const values = new Float32Array(read(type, allBits, 65_536));
      const back = words(float32ToPlain(type, values));
      const differ = back.filter((bits, i) => bits !== allBits[i] && !Number.isNaN(values[i]));
      expect(differ).toEqual([]);
    }
    const values = new Float32Array([0.1, -0, Number.NaN]);
    expect(read('F32', float32ToPlain('F32', values.subarray(1)), 2)).toEqual([-0, Number.NaN]);
  });

  test('halfway between two half-precision numbers the even one is taken, beside it the nearer', () => {
    const finite = Array.from({ length: 0x7c00 }, (_, bits) => bits);
    const upper = (bits: number) => (bits === 0x7bff ? 65_536 : halfByDefinition(bits + 1)); // infinity's threshold
    const middle = Float32Array.from(finite, (bits) => (halfByDefinition(bits) + upper(bits)) / 2);
    const bits = new Uint32Array(middle.buffer);
    expect(words(float32ToPlain('F16', middle))).toEqual(finite.map((at) => at + (at % 2)));
    const above = new Float32Array(bits.map((at) => at + 1).buffer);
    expect(words(float32ToPlain('F16', above))).toEqual(finite.map((at) => at + 1));
    const below = new Float32Array(bits.map((at) => at - 1).buffer);
    expect(words(float32ToPlain('F16', below))).toEqual(finite);
  });

  test('rounding equals that of PyTorch 2.15', () => {
    // x.view(int32), x.half().view(int16), x.bfloat16().view(int16) of 0, 1 + 2^-11, 65519.99, 1e-8, infinities, ...
    const bits = [
      0, -2147483648, 1065353216, 1065357312, 1065365504, 1199562752, 1199566845, 1199566848, 841731191, 855638016,
      855638855, 868220928, 947908608, 1036831949, -1068953648, 1900671690, 2139095040, -8388608, 1065385984,
      1065451520, 2139081118, 71362,
    ];
    const half = [
      0, 32768, 15360, 15360, 15362, 31743, 31743, 31744, 0, 0, 1, 2, 1024, 11878, 49736, 31744, 31744, 64512, 15364,
      15372, 31744, 0,
    ];
    const brain = [
      0, 32768, 16256, 16256, 16256, 18304, 18304, 18304, 12844, 13056, 13056, 13248, 14464, 15821, 49225, 29002, 32640,
      65408, 16256, 16258, 32640, 1,
    ];
    const values = new Float32Array(Int32Array.from(bits).buffer);
    expect(words(float32ToPlain('F16', values))).toEqual(half);
    expect(words(float32ToPlain('BF16', values))).toEqual(brain);
  });

  test('NaN stays NaN, the ones whose payload would be cut off too', () => {
    const nans = new Float32Array(Uint32Array.from([0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff]).buffer);
    for (const type of ['F16', 'BF16'] as const) {
      expect(read(type, float32ToPlain(type, nans), 4)).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    }
  });
});
