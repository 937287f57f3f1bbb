import { CriaError } from '../base/index.ts';
import type { Dtype } from '../tensor/index.ts';

/** Arrays that hold the elements of each dtype; half floats are 16-bit patterns, booleans bytes. */
export interface ArrayOf {
  f32: Float32Array;
  f64: Float64Array;
  f16: Uint16Array;
  i64: BigInt64Array;
  i32: Int32Array;
  u8: Uint8Array;
  i8: Int8Array;
  bool: Uint8Array;
}

export type NumericArray = ArrayOf[Dtype];

/** A tensor that holds numbers, row-major. */
export interface Value<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];
}

export const arrayTypes: { readonly [D in Dtype]: new (length: number) => ArrayOf[D] } = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  u8: Uint8Array,
  i8: Int8Array,
  bool: Uint8Array,
};

/** Wraps numbers as a value. @throws CriaError when there are not as many as the shape says. */
export function value<D extends Dtype>(dtype: D, shape: readonly number[], data: ArrayOf[D]): Value<D> {
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) {
    throw new CriaError(`${data.length} elements do not fill the shape [${shape.join(', ')}]`, { kind: 'failure' });
  }
  return { dtype, shape, data };
}

/** Integers as an i64 value of one axis, or of the given shape. */
export function integers(
  numbers: readonly number[] | Int32Array,
  shape: readonly number[] = [numbers.length],
): Value<'i64'> {
  const data = new BigInt64Array(numbers.length);
  for (let i = 0; i < data.length; i++) data[i] = BigInt(numbers[i] as number);
  return value('i64', shape, data);
}

/**
 * Arrays to write results into: each key has one, which grows when it is too small and is given again otherwise, with what
 * the last result left in it. Spares the collector large arrays in loops.
 */
export function scratch(): <D extends Dtype>(key: string, dtype: D, shape: readonly number[]) => Value<D> {
  const known = new Map<string, NumericArray>();
  return <D extends Dtype>(key: string, dtype: D, shape: readonly number[]) => {
    const length = shape.reduce((product, dim) => product * dim, 1);
    const old = known.get(`${dtype} ${key}`);
    const data = old && old.length >= length ? old : new arrayTypes[dtype](length);
    known.set(`${dtype} ${key}`, data);
    return value(dtype, shape, data.subarray(0, length) as ArrayOf[D]);
  };
}
