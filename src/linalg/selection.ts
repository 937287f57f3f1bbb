/** One byte an element: 1 where it is kept, 0 where it is pruned. */
export type Mask = Uint8Array;

/** How many elements a mask keeps. */
export function countKept(mask: Mask): number {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i] as number;
  return count;
}

/** How many elements one mask keeps and the other does not. */
export function countDifferent(a: Mask, b: Mask): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) count += (a[i] as number) ^ (b[i] as number);
  return count;
}

/** The elements where the values are not zero. */
export function support(values: Float32Array): Mask {
  const mask = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) mask[i] = 1;
  return mask;
}

/** The values of the kept entries, zeros elsewhere. */
export function masked(values: Float32Array, kept: Mask): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) if (kept[i] !== 0) result[i] = values[i] as number;
  return result;
}

/** Bits of a mask, eight a byte, the first in the lowest bit. */
export function packBits(mask: Mask): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] !== 0) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
  }
  return bytes;
}

/** The inverse: the first `count` bits. */
export function unpackBits(bytes: Uint8Array, count: number): Mask {
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i++) mask[i] = ((bytes[i >> 3] as number) >> (i & 7)) & 1;
  return mask;
}

/**
 * Keeps the `count` elements of largest magnitude among those that `among` keeps, or all of those when they are fewer.
 * Of equal magnitudes the first are kept. A histogram of the float32 patterns leaves one bin to be sorted, so the time is
 * linear; the loops have no branch that depends on the values, which are in no order.
 */
export function keepLargest(values: Float32Array, count: number, among?: Mask): Mask {
  const mask = new Uint8Array(values.length);
  if (count <= 0) return mask;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const may = among ?? new Uint8Array(values.length).fill(1);
  const low = values.length < 2 ** 14 ? 21 : 15; // of the 31 bits that order magnitudes, those that choose no bin
  const bins = new Uint32Array(2 ** (31 - low));
  const binAt = (i: number) => ((bits[i] as number) & 0x7fffffff) >>> low;
  for (let i = 0; i < bits.length; i++) bins[binAt(i)] = (bins[binAt(i)] as number) + (may[i] as number);
  const last = binOf(bins, count);
  if (!last) return may.slice();
  const candidates: number[] = [];
  for (let i = 0; i < bits.length; i++) {
    const bin = binAt(i);
    mask[i] = ((last.bin - bin) >>> 31) & (may[i] as number);
    if (bin === last.bin && may[i] !== 0) candidates.push(i);
  }
  const magnitude = (i: number) => (bits[i] as number) & 0x7fffffff;
  candidates.sort((a, b) => magnitude(b) - magnitude(a) || a - b);
  for (const i of candidates.slice(0, last.left)) mask[i] = 1;
  return mask;
}

interface Bin {
  readonly bin: number;
  /** How many of its elements are among the largest. */
  readonly left: number;
}

/** The bin that holds the last of the `count` largest elements; undefined when there are not as many. */
function binOf(histogram: Uint32Array, count: number): Bin | undefined {
  let left = count;
  for (let bin = histogram.length - 1; bin >= 0; bin--) {
    const here = histogram[bin] as number;
    if (here >= left) return { bin, left };
    left -= here;
  }
  return undefined;
}

/** Keeps the `count` elements of largest magnitude of every row of `columns` elements. */
export function keepLargestInRows(values: Float32Array, columns: number, count: number, among?: Mask): Mask {
  const mask = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at += columns) {
    const row = values.subarray(at, at + columns);
    mask.set(keepLargest(row, count, among?.subarray(at, at + columns)), at);
  }
  return mask;
}

/** Keeps the `n` elements of largest magnitude of every `m` consecutive ones; of equal magnitudes the first. */
export function keepInBlocks(values: Float32Array, n: number, m: number, among?: Mask): Mask {
  const mask = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at += m) {
    for (let i = at; i < at + m; i++) {
      if (among && among[i] === 0) continue;
      const own = Math.abs(values[i] as number);
      let above = 0;
      for (let j = at; j < at + m; j++) {
        if (among && among[j] === 0) continue;
        const other = Math.abs(values[j] as number);
        if (other > own || (other === own && j < i)) above++;
      }
      if (above < n) mask[i] = 1;
    }
  }
  return mask;
}
