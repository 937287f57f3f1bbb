/** |W - Wq|F / |W|F, in float64; 0 for a matrix of zeros that is kept. */
export function relativeError(original: Float32Array, decoded: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < original.length; i++) {
    const value = original[i] as number;
    difference += (value - (decoded[i] as number)) ** 2;
    size += value ** 2;
  }
  return ratio(difference, size);
}

/** The root of a share; infinite where something came of nothing. */
export function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : Math.sqrt(part / whole);
}
