import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';

/**
 * A text of which keys and values are held, position by position: [positions, 1, heads, 1, size] for each layer. What is
 * appended is written behind the rest, so nothing is copied but when a bucket is full.
 */
export interface Sequence {
  /** Positions held, those in front of the text among them. */
  readonly length: number;
  /** Positions in front of the text: prefix and prompt of the adapters. */
  readonly start: number;
  /** The text that was read, without what stands in front of it. */
  readonly ids: readonly number[];
  readonly bytes: number;
  /** Keys or values of a layer from one position to another: the array is the sequence's own. */
  part(layer: number, part: CachePart, from: number, to: number): Value<'f32'>;
  /** Makes room for `count` further positions in all layers. */
  reserve(count: number): void;
  /** Counts `count` positions as held: their room has been written. Without ids they stand in front of the text. */
  advance(count: number, ids?: readonly number[]): void;
  /** Forgets all but the first `length` tokens of the text; with 0 what stands in front of it too. */
  truncate(length: number): void;
  /** A sequence that begins with the first `length` tokens of this one. */
  copy(length: number): Sequence;
}

export type CachePart = 'key' | 'value';
export const cacheParts: readonly CachePart[] = ['key', 'value'];

const bucket = 256; // positions; buckets double

/** A sequence of which nothing has been read. */
export function emptySequence(config: Config): Sequence {
  const { layers, keyValueHeads, headSize } = config;
  const size = keyValueHeads * headSize;
  let buffers: Record<CachePart, Float32Array[]> = { key: [], value: [] };
  let capacity = 0;
  let length = 0;
  let start = 0;
  const text: number[] = [];
  return {
    get length() {
      return length;
    },
    get start() {
      return start;
    },
    ids: text,
    get bytes() {
      return capacity * size * layers * 2 * 4;
    },
    part(layer, part, from, to) {
      const rows = (buffers[part][layer] as Float32Array).subarray(from * size, to * size);
      return value('f32', [to - from, 1, keyValueHeads, 1, headSize], rows);
    },
    reserve(count) {
      if (length + count <= capacity) return;
      capacity = bucket * 2 ** Math.ceil(Math.log2(Math.max(1, (length + count) / bucket)));
      const grown = (part: CachePart) =>
        Array.from({ length: layers }, (_, layer) => {
          const larger = new Float32Array(capacity * size);
          const old = buffers[part][layer];
          if (old) larger.set(old.subarray(0, length * size));
          return larger;
        });
      buffers = { key: grown('key'), value: grown('value') };
    },
    advance(count, ids) {
      length += count;
      if (ids) for (const id of ids) text.push(id);
      else start += count;
    },
    truncate(to) {
      if (to > 0 && to >= text.length) return;
      text.length = to;
      if (to === 0) start = 0;
      length = start + to;
    },
    copy(to) {
      const other = emptySequence(config);
      const count = start + to;
      other.reserve(count);
      for (const part of cacheParts) {
        for (const [layer, rows] of buffers[part].entries()) {
          other.part(layer, part, 0, count).data.set(rows.subarray(0, count * size));
        }
      }
      if (start > 0) other.advance(start);
      other.advance(to, text.slice(0, to));
      return other;
    },
  };
}
