import { pageBytes } from '../base/index.ts';
import { addressableBytes, type Kernels, kernelsIn } from './kernels.ts';

/** Vectors of one length, all zeros at first, and a way to run kernels over them. */
export interface Vectors<Name extends string> {
  readonly arrays: Readonly<Record<Name, Float32Array>>;
  /**
   * Runs a kernel over the elements from `from` to `to`, both multiples of four, of the vectors that it reads, of which it
   * writes the first `writes`. `run` gets the addresses where they begin, and how many bytes each has.
   */
  over(reads: readonly Name[], writes: number, range: Range, run: Run<Name>): void;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

type Run<Name extends string> = (kernels: Kernels, at: Readonly<Record<Name, number>>, bytes: number) => void;

const pieceLength = 8192;
/** Bytes between two vectors beside whole pages: copying between equal places of two pages is four times as slow. */
const stagger = 768;

/**
 * Vectors of a multiple of four elements, in the kernels' memory where it can hold them (five of 214 million elements) and
 * otherwise elsewhere, copied there and back piece by piece. `most` is the bytes that the memory may have.
 */
export function vectors<Name extends string>(
  names: readonly Name[],
  length: number,
  most = addressableBytes,
): Vectors<Name> {
  return inPlace(names, length, most) ?? copied(names, length);
}

function inPlace<Name extends string>(names: readonly Name[], length: number, most: number): Vectors<Name> | undefined {
  const opened = open(names, length, most);
  if (!opened) return undefined;
  const { kernels, arrays } = opened;
  return {
    arrays,
    over(_reads, _writes, { from, to }, run) {
      const at = recordOf(names, (name) => arrays[name].byteOffset + 4 * from);
      if (from < to) run(kernels, at, 4 * (to - from));
    },
  };
}

function copied<Name extends string>(names: readonly Name[], length: number): Vectors<Name> {
  const { kernels, arrays: pieces } = open(names, Math.min(length, pieceLength), addressableBytes) as Opened<Name>;
  const arrays = recordOf(names, () => new Float32Array(length));
  const at = recordOf(names, (name) => pieces[name].byteOffset);
  return {
    arrays,
    over(reads, writes, { from, to }, run) {
      for (let start = from; start < to; start += pieceLength) {
        const stop = Math.min(to, start + pieceLength);
        for (const name of reads) pieces[name].set(arrays[name].subarray(start, stop));
        run(kernels, at, 4 * (stop - start));
        for (const name of reads.slice(0, writes)) arrays[name].set(pieces[name].subarray(0, stop - start), start);
      }
    },
  };
}

interface Opened<Name extends string> {
  readonly kernels: Kernels;
  readonly arrays: Readonly<Record<Name, Float32Array>>;
}

/** Undefined where the memory would be too large, for what it may have or for the machine. */
function open<Name extends string>(names: readonly Name[], length: number, most: number): Opened<Name> | undefined {
  const stride = Math.ceil((4 * length) / pageBytes) * pageBytes + stagger;
  const bytes = names.length * stride + stagger;
  if (bytes > most) return undefined;
  try {
    const { kernels, buffer } = kernelsIn(bytes);
    return { kernels, arrays: recordOf(names, (_, i) => new Float32Array(buffer, stagger + i * stride, length)) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function recordOf<Name extends string, T>(names: readonly Name[], of: (name: Name, i: number) => T): Record<Name, T> {
  return Object.fromEntries(names.map((name, i) => [name, of(name, i)])) as Record<Name, T>;
}
