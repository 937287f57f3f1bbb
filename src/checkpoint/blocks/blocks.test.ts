import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, shared } from '../../../test/shared.ts';
import { float32ToPlain, plainToFloat32 } from '../plain.ts';
import type { BlockType } from '../types.ts';
import { encodeStored } from './stored.ts';
import { blocks } from './table.ts';

interface Golden {
  dequantize: Record<BlockType, { bytes: string; values: string }>;
  quantize: { values: string; bytes: Partial<Record<BlockType, string>> };
  weighted: { values: string; importance: string; bytes: { Q4_K: string } };
}
const golden = JSON.parse(readFileSync('test/goldens/gguf-blocks.json', 'utf8')) as Golden;

test.each(Object.keys(blocks) as BlockType[])('%s blocks have the values that gguf-py gives them', (type) => {
  const { bytes, values } = golden.dequantize[type];
  expect(dequantized(type, fromHex(bytes))).toEqual(floats(values));
});

test.each(Object.keys(golden.quantize.bytes) as BlockType[])(
  '%s of hard rows has the bytes that ggml writes',
  (type) => {
    expect(quantized(type, floats(golden.quantize.values))).toEqual(fromHex(golden.quantize.bytes[type] as string));
  },
);

test('Q4_K under the importance of its columns has the bytes that ggml writes', () => {
  const { values, importance, bytes } = golden.weighted;
  expect(encodeStored('Q4_K', floats(values), '', floats(importance))).toEqual(fromHex(bytes.Q4_K));
});

const peer = shared('goldens', 'gguf-quants.json');
const { skip, reason } = needs(peer, 'goldens/gguf-quants.json');

test.skipIf(skip)(`blocks of normal numbers agree with gguf-py in bytes and values${reason}`, () => {
  const { x, formats } = JSON.parse(readFileSync(peer as string, 'utf8')) as {
    x: number[];
    formats: Record<string, { bytes_hex: string; dequantised: number[] }>;
  };
  for (const [name, { bytes_hex: hex, dequantised }] of Object.entries(formats)) {
    const bytes = fromHex(hex);
    if (name === 'F16' || name === 'BF16') {
      const values = new Float32Array(x.length);
      plainToFloat32(name, bytes, values);
      expect(values, name).toEqual(Float32Array.from(dequantised));
      expect(float32ToPlain(name, Float32Array.from(x)), name).toEqual(bytes);
      continue;
    }
    const type = name as BlockType;
    expect(dequantized(type, bytes), name).toEqual(Float32Array.from(dequantised));
    if (blocks[type].quantize) expect(quantized(type, Float32Array.from(x)), name).toEqual(bytes);
  }
});

test('bytes that are not whole blocks of the weights are refused', () => {
  expect(() => blocks.Q4_0.dequantize(new Uint8Array(19), new Float32Array(32))).toThrow('19 bytes');
  expect(() => blocks.Q8_0.quantize?.(new Float32Array(33), new Uint8Array(34))).toThrow('33 weights');
});

function dequantized(type: BlockType, bytes: Uint8Array): Float32Array {
  const { elements, bytes: size, dequantize } = blocks[type];
  const values = new Float32Array((bytes.length / size) * elements);
  dequantize(bytes, values);
  return values;
}

function quantized(type: BlockType, values: Float32Array): Uint8Array {
  const { elements, bytes: size, quantize } = blocks[type];
  const bytes = new Uint8Array((values.length / elements) * size).fill(0xff); // what was there must not matter
  quantize?.(values, bytes);
  return bytes;
}

function floats(hex: string): Float32Array {
  return new Float32Array(fromHex(hex).buffer);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

test.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q6_K'] as const)(
  '%s holds no values that are not numbers',
  (type) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = new Float32Array(256).fill(value, 100, 101);
      expect(() => encodeStored(type, values, 'x')).toThrow('x: holds NaN or Inf');
    }
  },
);

test('what would round to infinity is refused, and what just does not is stored', () => {
  expect(() => encodeStored('F16', Float32Array.of(1, -65_520), 'x')).toThrow('x: holds values out of range for F16');
  expect(encodeStored('F16', Float32Array.of(65_519))).toEqual(Uint8Array.of(0xff, 0x7b));
});
