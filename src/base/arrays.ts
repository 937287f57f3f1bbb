/** Arrays one after the other. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** How many items two lists begin with alike. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((item, i) => item !== b[i]);
  return differing === -1 ? a.length : differing;
}
