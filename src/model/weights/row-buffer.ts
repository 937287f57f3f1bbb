import { growTo, type KernelMemory, kernelMemory } from '../../base/index.ts';
import { type BlockType, openUnpackers, type Unpack } from '../../checkpoint/index.ts';
import { type MinimumsAsColumns, openMinimums } from './minimums.ts';
import { blocksInRow, type Packing } from './weights.ts';

/** Rows of codes in blocks, each row with room for its columns of minimums: an element is scale * code + minimum. */
export interface RowsWithMinimums {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly minimums: Float32Array;
}

/** A few rows of a matrix, which are read, packed and then copied to where they are given to the runtime. */
export interface RowBuffer extends RowsWithMinimums {
  /** How many it has. */
  readonly rows: number;
  /** Room for the bytes of stored rows. */
  readonly stored: Uint8Array;
  readonly zeros: Uint8Array;
  /** Unpacks rows of stored blocks to codes, scales and minimums; `bytes` lie in `stored`, or are copied there. */
  unpack(type: BlockType, bytes: Uint8Array, rows: number): void;
  /** Turns the minimums of rows into zeros and columns. */
  storeMinimums(rows: number): void;
}

const mostRows = 256; // whole heads, whose rows may have to be put in order
const weightsAtOnce = 2 ** 20; // they stay in the cache

/** The one memory of the kernels: a few MB, used again for every matrix. */
let opened:
  | {
      memory: KernelMemory;
      unpack: Readonly<Record<BlockType, Unpack>>;
      minimums: ReturnType<typeof openMinimums>;
    }
  | undefined;

/**
 * A buffer for rows of `inner` weights, which have `storedBytes` where they are stored in blocks. It is valid until the next
 * one is made.
 */
export function rowBuffer(out: number, inner: number, storedBytes: number, packing: Packing): RowBuffer {
  const { bits, block } = packing;
  const [own, wide] = [inner / block, blocksInRow(inner, packing)];
  const columns = (wide - own) * block;
  const rows = Math.min(out, mostRows, 2 ** Math.max(0, Math.floor(Math.log2(weightsAtOnce / inner))));
  const [codeBytes, zeroBytes] = [(wide * block * bits) / 8, columns > 0 ? Math.ceil((wide * bits) / 8) : 0];
  let size = 0;
  const place = (bytes: number) => {
    const at = size;
    size = Math.ceil((at + bytes + overrun) / 64) * 64;
    return at;
  };
  const at = {
    stored: place(rows * storedBytes),
    codes: place(rows * codeBytes),
    scales: place(4 * rows * wide),
    minimums: place(4 * rows * wide),
    zeros: place(rows * zeroBytes),
    whole: place(wide),
    left: place(columns),
    digits: place(columns),
  };
  opened ??= withKernels(kernelMemory(size));
  growTo(opened.memory, size);
  const { memory, unpack, minimums } = opened;
  const bytes = (from: number, count: number) => new Uint8Array(memory.buffer, from, count);
  const none = 2 ** (bits - 1);
  bytes(at.whole, wide + overrun).fill(none);
  bytes(at.left, columns + overrun).fill(0);
  bytes(at.digits, columns + overrun).fill(none);
  const stored = bytes(at.stored, rows * storedBytes);
  const store: MinimumsAsColumns = minimums[`bits${bits}`];
  return {
    rows,
    stored,
    codes: bytes(at.codes, rows * codeBytes),
    scales: new Float32Array(memory.buffer, at.scales, rows * wide),
    minimums: new Float32Array(memory.buffer, at.minimums, rows * wide),
    zeros: bytes(at.zeros, rows * zeroBytes),
    unpack(type, given, count) {
      if (given.buffer !== memory.buffer) stored.set(given);
      const from = given.buffer === memory.buffer ? given.byteOffset : at.stored;
      const size = given.length / count;
      for (let i = 0; i < count; i++) {
        const first = from + i * size;
        const blocks = 4 * i * wide; // no array is made in these loops: there are 155,000 rows in SmolLM2
        unpack[type](first, first + size, at.codes + i * codeBytes, at.scales + blocks, at.minimums + blocks);
      }
    },
    storeMinimums(count) {
      for (let i = 0; i < count; i++) {
        const scales = at.scales + 4 * i * wide;
        const minimums = at.minimums + 4 * i * wide;
        const behind = at.codes + i * codeBytes + (own * block * bits) / 8;
        const zeros = at.zeros + i * zeroBytes;
        store(scales, minimums, behind, zeros, own, wide, zeroBytes, block, at.whole, at.left, at.digits);
      }
    },
  };
}

const overrun = 16; // kernels write whole vectors

function withKernels(memory: KernelMemory) {
  return { memory, unpack: openUnpackers(memory), minimums: openMinimums(memory) };
}
