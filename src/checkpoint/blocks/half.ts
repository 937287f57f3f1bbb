import { float32ToPlain, plainToFloat32 } from '../plain.ts';

/** Every half-precision number by its bits: made when the first is asked for. */
let halves: Float32Array | undefined;

function allHalves(): Float32Array {
  const values = new Float32Array(65_536);
  plainToFloat32('F16', new Uint8Array(Uint16Array.from(values, (_, bits) => bits).buffer), values);
  return values;
}

/** The half-precision number whose little-endian bits stand at `at`: a block's scale or minimum. */
export function readHalf(bytes: Uint8Array, at: number): number {
  halves ??= allHalves();
  return halves[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

const scratch = new Float32Array(1);

/** Stores `value` at `at`, rounded to half precision (to the nearest, ties to even), and returns what was stored. */
export function writeHalf(value: number, bytes: Uint8Array, at: number): number {
  scratch[0] = value;
  bytes.set(float32ToPlain('F16', scratch), at);
  return readHalf(bytes, at);
}

/** The nearest half-precision number, ties to even; the largest finite one for what lies beyond. */
export function nearestHalf(value: number): number {
  scratch[0] = Math.min(largestHalf, Math.max(-largestHalf, value));
  return readHalf(float32ToPlain('F16', scratch), 0);
}

const largestHalf = 65_504;
