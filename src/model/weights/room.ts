/** Gives arrays of so many elements. */
export interface Room {
  bytes(count: number): Uint8Array;
  floats(count: number): Float32Array;
}

/** A new array each time. */
export const newArrays: Room = {
  bytes: (count) => new Uint8Array(count),
  floats: (count) => new Float32Array(count),
};

const alignment = 64;

/**
 * One buffer handed out in pieces, and new arrays where it is full. `free` gives its memory back at once, where the collector
 * would wait for a reason to; what was handed out is empty then.
 */
export function shortLivedRoom(size: number): Room & { free(): void } {
  const buffer = new ArrayBuffer(size);
  let used = 0;
  const take = (bytes: number): number | undefined => {
    if (used + bytes > size) return undefined;
    const at = used;
    used += Math.ceil(bytes / alignment) * alignment;
    return at;
  };
  return {
    bytes(count) {
      const at = take(count);
      return at === undefined ? newArrays.bytes(count) : new Uint8Array(buffer, at, count);
    },
    floats(count) {
      const at = take(4 * count);
      return at === undefined ? newArrays.floats(count) : new Float32Array(buffer, at, count);
    },
    free() {
      used = size;
      const { port1, port2 } = new MessageChannel(); // sent where nobody takes it
      port1.postMessage(undefined, [buffer]);
      port1.close();
      port2.close();
    },
  };
}
