/** Arrays one after the other. */
export function concatArrays(arrays: readonly Float32Array[]): Float32Array {
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

/** Items by their key, in the order in which keys and items come. */
export function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
