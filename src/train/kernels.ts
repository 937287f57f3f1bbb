/**
 * Three loops over float32 vectors as a WebAssembly module, four numbers at a time: what the optimizer does with every
 * number of a model. V8 computes the same loops in float64, one number at a time. Addresses and lengths are bytes of the
 * module's memory, lengths multiples of 16.
 */
export interface Kernels {
  /** AdamW (adamw.ts has the equations) on the numbers of `values` before the address `end`. */
  adamw(
    values: number,
    first: number,
    second: number,
    gradients: number,
    end: number,
    scale: number,
    rise1: number,
    rise2: number,
    rate: number,
    epsilon: number,
    keep: number,
  ): void;
  /** The sum of squares of the numbers from an address to another, in float64. */
  sumOfSquares(from: number, end: number): number;
  /** Adds to the numbers of `into` before the address `end` those of `from`. */
  add(into: number, from: number, end: number): void;
}

/** What of WebAssembly is used; the types of Node do not have it. */
declare namespace WebAssembly {
  class Memory {
    constructor(size: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
    readonly exports: unknown;
  }
}

export const pageBytes = 65_536;
/** What addresses of 32 bits reach, less the page after the end of which they would begin again. */
export const addressableBytes = 2 ** 32 - pageBytes;

/** A memory of zeros, and the kernels on it. @throws RangeError when there is no such memory. */
export function openKernels(bytes: number): { readonly kernels: Kernels; readonly buffer: ArrayBuffer } {
  const pages = Math.ceil(bytes / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), { '': { memory } });
  return { kernels: exports as Kernels, buffer: memory.buffer };
}

/** Instructions and other parts of a module, as the WebAssembly specification (2.0, chapter 5) encodes them. */
type Code = readonly number[];

const [i32, f32, f64, v128] = [0x7f, 0x7d, 0x7c, 0x7b];

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const vectorOp = (code: number): number[] => [0xfd, ...unsigned(code)];
const load = [...vectorOp(0x00), 4, 0]; // four float32; 4: aligned to 2^4 bytes
const loadTwo = (offset: number): Code => [...vectorOp(0x5d), 3, offset]; // two float32, zeros beside them
const buffer = [...vectorOp(0x0b), 4, 0];
const splat = vectorOp(0x13);
const [root, add, subtract] = [vectorOp(0xe3), vectorOp(0xe4), vectorOp(0xe5)];
const [multiply, divide] = [vectorOp(0xe6), vectorOp(0xe7)];
const widen = vectorOp(0x5f); // the two lower float32 as float64
const [addWide, multiplyWide] = [vectorOp(0xf0), vectorOp(0xf2)];
const lane = (index: number): Code => [...vectorOp(0x21), index];
const addScalar = [0xa0];
const end = 0x0b;

/** Again and again, 16 bytes further on each address, while the first is below the one of `last`. */
function loop([first, ...others]: readonly [number, ...number[]], last: number, body: readonly Code[]): Code {
  const next = (address: number): Code => [...get(address), 0x41, 16, 0x6a]; // + 16
  const steps = others.flatMap((address) => [...next(address), ...set(address)]);
  const again = [...next(first), ...tee(first), ...get(last), 0x49, 0x0d, 0]; // below it, without signs: again
  return [0x03, 0x40, ...body.flat(), ...steps, ...again, end];
}

function adamwCode(): Code {
  const [values, first, second, gradients, last] = [0, 1, 2, 3, 4] as const;
  const numbers = [5, 6, 7, 8, 9, 10]; // made vectors of
  const [scale, rise1, rise2, rate, epsilon, keep] = [11, 12, 13, 14, 15, 16] as const;
  const [g, m, v] = [17, 18, 19] as const;
  const toward = (target: Code, from: number, rise: number): Code => [
    ...get(from),
    ...[...target, ...get(from), ...subtract, ...get(rise), ...multiply],
    ...add,
  ];
  const body = [
    [...get(gradients), ...load, ...get(scale), ...multiply, ...set(g)],
    [...get(first), ...load, ...set(m)],
    [...get(first), ...toward(get(g), m, rise1), ...tee(m), ...buffer],
    [...get(second), ...load, ...set(v)],
    [...get(second), ...toward([...get(g), ...get(g), ...multiply], v, rise2), ...tee(v), ...buffer],
    [...get(values), ...get(values), ...load, ...get(keep), ...multiply],
    [...get(rate), ...get(m), ...multiply, ...get(v), ...root, ...get(epsilon), ...add, ...divide],
    [...subtract, ...buffer],
  ];
  const splats = numbers.flatMap((number, i) => [...get(number), ...splat, ...set(scale + i)]);
  return [...splats, ...loop([values, first, second, gradients], last, body)];
}

function sumOfSquaresCode(): Code {
  const [from, last, even, odd, two] = [0, 1, 2, 3, 4] as const;
  const square = (offset: number, into: number): Code => [
    ...[...get(from), ...loadTwo(offset), ...widen, ...tee(two)],
    ...[...get(two), ...multiplyWide, ...get(into), ...addWide, ...set(into)],
  ];
  const total = [...get(even), ...get(odd), ...addWide, ...tee(two), ...lane(0), ...get(two), ...lane(1), ...addScalar];
  return [...loop([from], last, [square(0, even), square(8, odd)]), ...total];
}

function addCode(): Code {
  const [into, from, last] = [0, 1, 2] as const;
  return loop([into, from], last, [[...get(into), ...get(into), ...load, ...get(from), ...load, ...add, ...buffer]]);
}

/** A function of the module. */
interface Definition {
  readonly name: keyof Kernels;
  readonly takes: readonly number[];
  readonly gives: readonly number[];
  /** Vectors that it keeps beside what it takes. */
  readonly vectors: number;
  readonly code: Code;
}

function moduleBytes(): Uint8Array {
  const functions: Definition[] = [
    {
      name: 'adamw',
      takes: [...Array<number>(5).fill(i32), ...Array<number>(6).fill(f32)],
      gives: [],
      vectors: 9,
      code: adamwCode(),
    },
    { name: 'sumOfSquares', takes: [i32, i32], gives: [f64], vectors: 3, code: sumOfSquaresCode() },
    { name: 'add', takes: [i32, i32, i32], gives: [], vectors: 0, code: addCode() },
  ];
  const text = (s: string) => list([...new TextEncoder().encode(s)].map((byte) => [byte]));
  const types = functions.map(({ takes, gives }) => [
    0x60,
    ...list(takes.map((t) => [t])),
    ...list(gives.map((t) => [t])),
  ]);
  const typeOfEach = functions.map((_, i) => [i]);
  const memory = [...text(''), ...text('memory'), 2, 0, ...unsigned(1)]; // imported, of one page or more
  const exports = functions.map(({ name }, i) => [...text(name), 0, i]);
  const bodies = functions.map(({ vectors, code }) => {
    const body = [...list(vectors > 0 ? [[vectors, v128]] : []), ...code, end];
    return [...unsigned(body.length), ...body];
  });
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, types),
    ...section(2, [memory]),
    ...section(3, typeOfEach),
    ...section(7, exports),
    ...section(10, bodies),
  ]);
}

function section(id: number, entries: readonly Code[]): Code {
  const body = list(entries);
  return [id, ...unsigned(body.length), ...body];
}

const list = (entries: readonly Code[]): Code => [...unsigned(entries.length), ...entries.flat()];

/** A number as LEB128: seven bits a byte, the lowest first. */
function unsigned(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)];
}
