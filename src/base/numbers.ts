/** Whether all of them are finite numbers. */
export function allFinite(values: Float32Array | Float64Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]; // four sums, because each addition waits for the one before
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    a += (values[i] as number) * 0; // NaN for NaN and for infinities
    b += (values[i + 1] as number) * 0;
    c += (values[i + 2] as number) * 0;
    d += (values[i + 3] as number) * 0;
  }
  for (; i < values.length; i++) a += (values[i] as number) * 0;
  return a + b + c + d === 0;
}

/** A number with about three digits that count: 0.0123, 4.56, 78.9, 1234. */
export function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** A size in binary units, as memory is told: 1.5 GiB. */
export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
