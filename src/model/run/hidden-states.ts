import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { readError } from '../../base/index.ts';
import { type Value, value } from '../../engine/index.ts';

/** Hidden states of batches between two blocks: one array a batch, [texts, seq, hiddenSize]. */
export interface HiddenStates {
  /** The states of a batch. In a file they are read over those of the last call. */
  get(batch: number): Value<'f32'>;
  set(batch: number, states: Value<'f32'>): void;
  /** Removes the file. */
  dispose(): void;
}

/** Room for batches of the given shapes, in memory or, with `file`, in one file on disk. @throws CriaError when it cannot be written. */
export function hiddenStates(shapes: readonly (readonly number[])[], file?: string): HiddenStates {
  const lengths = shapes.map((shape) => shape.reduce((product, size) => product * size, 1));
  if (file === undefined) {
    const held = lengths.map((length) => new Float32Array(length));
    return {
      get: (batch) => value('f32', shapes[batch] as readonly number[], held[batch] as Float32Array),
      set: (batch, { data }) => held[batch]?.set(data),
      dispose() {},
    };
  }
  let bytes = 0;
  const offsets = lengths.map((length) => {
    bytes += 4 * length;
    return bytes - 4 * length;
  });
  const buffer = new Float32Array(Math.max(...lengths));
  const descriptor = opened(file);
  return {
    get(batch) {
      const data = buffer.subarray(0, lengths[batch]);
      transfer(readSync, descriptor, data, offsets[batch] as number);
      return value('f32', shapes[batch] as readonly number[], data);
    },
    set: (batch, { data }) => transfer(writeSync, descriptor, data, offsets[batch] as number),
    dispose() {
      closeSync(descriptor);
      rmSync(file, { force: true });
    },
  };
}

function opened(file: string): number {
  try {
    return openSync(file, 'w+');
  } catch (error) {
    throw readError(error, file);
  }
}

const atOnce = 2 ** 30; // one call moves less than 2 GiB

type Move = (descriptor: number, bytes: Uint8Array, from: number, count: number, at: number) => number;

function transfer(move: Move, descriptor: number, data: Float32Array, offset: number): void {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let done = 0; done < bytes.length; ) {
    done += move(descriptor, bytes, done, Math.min(atOnce, bytes.length - done), offset + done);
  }
}
