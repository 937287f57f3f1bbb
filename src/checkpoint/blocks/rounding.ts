const magic = 1.5 * 2 ** 23; // float32 has no fraction bits left here: adding it rounds to whole numbers

/** The whole number nearest to a float32 of magnitude below 2^22, ties to even, as adding in float32 rounds. */
export function nearest(value: number): number {
  return Math.fround(value + magic) - magic;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The value of largest magnitude among `count`, with its sign; the first of equals. */
export function largest(values: Float32Array, from: number, count: number): number {
  let found = 0;
  for (let i = from; i < from + count; i++) {
    const value = values[i] as number;
    if (Math.abs(value) > Math.abs(found)) found = value;
  }
  return found;
}

/** The smallest and the largest of `count` values. */
export function extremes(values: Float32Array, from: number, count: number): { minimum: number; maximum: number } {
  let minimum = values[from] as number;
  let maximum = minimum;
  for (let i = from + 1; i < from + count; i++) {
    const value = values[i] as number;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum };
}
