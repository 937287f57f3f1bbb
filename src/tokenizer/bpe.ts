import { idLimit } from './definition.ts';

/**
 * What two neighbouring symbols become: -1 if nothing, else `rank * idLimit + id` of the token; the lowest rank is
 * joined first.
 */
export type Pairs = (left: number, right: number) => number;

const positionLimit = 2 ** 31;

/**
 * Byte-pair merging: joins, again and again, the neighbours of the lowest rank, among equals the leftmost, until no
 * pair is left. Changes and returns `symbols`. A heap of pairs over a linked list: O(n log n). (Sennrich et al. 2016;
 * SentencePiece's BPE is the same with ranks from token scores.)
 */
export function merge(symbols: number[], pairs: Pairs): number[] {
  const count = symbols.length;
  if (count < 2) return symbols;
  const next = Int32Array.from(symbols, (_, i) => i + 1); // `count` ends the list
  const previous = Int32Array.from(symbols, (_, i) => i - 1);
  const joined = new Uint8Array(count);
  const heap: number[] = []; // rank * positionLimit + position of the left symbol
  const pairAt = (left: number): number => {
    const right = left < 0 ? count : (next[left] as number);
    return right < count ? pairs(symbols[left] as number, symbols[right] as number) : -1;
  };
  const offer = (left: number): void => {
    const pair = pairAt(left);
    if (pair >= 0) push(heap, Math.floor(pair / idLimit) * positionLimit + left);
  };
  for (let left = 0; left + 1 < count; left++) offer(left);
  for (let key = pop(heap); key !== undefined; key = pop(heap)) {
    const left = key % positionLimit;
    const pair = joined[left] ? -1 : pairAt(left);
    if (pair < 0 || Math.floor(pair / idLimit) !== Math.floor(key / positionLimit)) continue; // an older pair
    const right = next[left] as number;
    const after = next[right] as number;
    symbols[left] = pair % idLimit;
    joined[right] = 1;
    next[left] = after;
    if (after < count) previous[after] = left;
    offer(previous[left] as number);
    offer(left);
  }
  return symbols.filter((_, i) => !joined[i]);
}

function push(heap: number[], key: number): void {
  let at = heap.push(key) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((heap[parent] as number) <= key) break;
    heap[at] = heap[parent] as number;
    at = parent;
  }
  heap[at] = key;
}

function pop(heap: number[]): number | undefined {
  const smallest = heap[0];
  const key = heap.pop();
  if (key === undefined || heap.length === 0) return smallest;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if ((heap[child] as number) >= key) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = key;
  return smallest;
}
