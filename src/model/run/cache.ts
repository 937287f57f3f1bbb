import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import type { Texts } from './texts.ts';

/**
 * Keys and values of the positions that have been read, position by position: [positions, batch, heads, 1,
 * size] for each layer. What is appended is written behind the rest, so nothing is copied but when a bucket is full.
 */
export interface Cache {
  readonly batch: number;
  /** Positions held, those in front of every text among them. */
  readonly length: number;
  /** Positions in front of every text: prefix and prompt of the adapters. */
  readonly start: number;
  /** By row of the batch: positions behind the start that pad it. */
  readonly padding: readonly number[];
  /** By row: the ids of the text that was read, without what stands in front of it. */
  readonly texts: Texts;
  /** Keys or values of a layer from one position to another: the array is the cache's own. */
  part(layer: number, part: CachePart, from: number, to: number): Value<'f32'>;
  /** Makes room for `count` further positions in all layers. */
  reserve(count: number): void;
  /** Counts the positions of `ids`, as many in each row, as held: their room has been written. */
  advance(ids: Texts): void;
  /** Forgets all but the first `length` positions of the text; with 0 the start too. */
  truncate(length: number): void;
  /** Marks the padding of the rows: only before the text begins. */
  pad(padding: readonly number[]): void;
  readonly bytes: number;
}

export type CachePart = 'key' | 'value';

const bucket = 256; // positions; buckets double

/** An empty cache for `batch` rows, whose texts will follow `start` positions. */
export function emptyCache(config: Config, batch: number, start = 0): Cache {
  const { layers, keyValueHeads, headSize } = config;
  const row = batch * keyValueHeads * headSize;
  const shape = (positions: number) => [positions, batch, keyValueHeads, 1, headSize];
  let capacity = 0;
  let length = 0;
  let padding: readonly number[] = Array<number>(batch).fill(0);
  const rows = Array.from({ length: batch }, (): number[] => []);
  let buffers = new Map<string, Float32Array>();
  const buffer = (layer: number, part: CachePart) => buffers.get(`${layer}.${part}`) as Float32Array;
  return {
    batch,
    start,
    get length() {
      return length;
    },
    get padding() {
      return padding;
    },
    get texts() {
      return rows.map((ids, i) => ids.slice(start + (padding[i] as number)));
    },
    get bytes() {
      return capacity * row * layers * 2 * 4;
    },
    part: (layer, part, from, to) => value('f32', shape(to - from), buffer(layer, part).subarray(from * row, to * row)),
    reserve(count) {
      if (length + count <= capacity) return;
      capacity = bucket * 2 ** Math.ceil(Math.log2(Math.max(1, (length + count) / bucket)));
      const grown = new Map<string, Float32Array>();
      for (let layer = 0; layer < layers; layer++) {
        for (const part of ['key', 'value'] as const) {
          const larger = new Float32Array(capacity * row);
          const old = buffers.get(`${layer}.${part}`);
          if (old) larger.set(old.subarray(0, length * row));
          grown.set(`${layer}.${part}`, larger);
        }
      }
      buffers = grown;
    },
    advance(ids) {
      for (const [i, row] of rows.entries()) for (const id of ids[i] ?? []) row.push(id);
      length += ids[0]?.length ?? 0;
    },
    truncate(to) {
      length = to === 0 ? 0 : Math.min(length, start + to);
      for (const row of rows) row.length = length;
    },
    pad(positions) {
      padding = positions;
    },
  };
}
