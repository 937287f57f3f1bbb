/** Writes WebAssembly modules, instruction by instruction. */

/** Instructions and other parts of a module, as the WebAssembly specification (2.0, chapter 5) encodes them. */
export type Code = readonly number[];

const types = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
type TypeName = keyof typeof types;

/** A parameter or another local variable; as code it is its value. */
export interface Local extends Code {
  set(value: Code): Code;
  /** Sets it, and is its value. */
  tee(value: Code): Code;
}

/** A function of a module. */
export interface KernelDefinition {
  readonly name: string;
  readonly takes: readonly TypeName[];
  readonly keeps: readonly TypeName[];
  readonly gives?: TypeName;
  readonly code: Code;
}

/** A kernel with parameters and local variables by name; the code, of which a value that is left is given back. */
export function kernel<Parameter extends string, Kept extends string>(
  name: string,
  takes: Readonly<Record<Parameter, TypeName>>,
  keeps: Readonly<Record<Kept, TypeName>>,
  code: (locals: Readonly<Record<Parameter | Kept, Local>>) => readonly Code[],
  gives?: TypeName,
): KernelDefinition {
  const names = [...Object.keys(takes), ...Object.keys(keeps)];
  const locals = Object.fromEntries(names.map((local, i) => [local, localOf(i)]));
  return {
    name,
    takes: Object.values(takes),
    keeps: Object.values(keeps),
    gives,
    code: code(locals as Record<Parameter | Kept, Local>).flat(),
  };
}

function localOf(index: number): Local {
  const at = unsigned(index);
  return Object.assign([0x20, ...at], {
    set: (value: Code): Code => [...value, 0x21, ...at],
    tee: (value: Code): Code => [...value, 0x22, ...at],
  });
}

/** The bytes of a module that imports a memory and exports kernels. */
export function moduleBytes(definitions: readonly KernelDefinition[]): Uint8Array {
  const signatures = definitions.map(({ takes, gives }) => [
    0x60,
    ...list(takes.map((type) => [types[type]])),
    ...list(gives ? [[types[gives]]] : []),
  ]);
  const typeOfEach = definitions.map((_, i) => unsigned(i));
  const memory = [...text(''), ...text('memory'), 2, 0, ...unsigned(1)]; // imported, of one page or more
  const exports = definitions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]);
  const bodies = definitions.map(({ keeps, code }) => {
    const body = [...list(keeps.map((type) => [1, types[type]])), ...code, end];
    return [...unsigned(body.length), ...body];
  });
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, signatures),
    ...section(2, [memory]),
    ...section(3, typeOfEach),
    ...section(7, exports),
    ...section(10, bodies),
  ]);
}

const list = (entries: readonly Code[]): Code => [...unsigned(entries.length), ...entries.flat()];
const text = (s: string): Code => list([...new TextEncoder().encode(s)].map((byte) => [byte]));

function section(id: number, entries: readonly Code[]): Code {
  const body = list(entries);
  return [id, ...unsigned(body.length), ...body];
}

/** A number as LEB128: seven bits a byte, the lowest first. */
function unsigned(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)];
}

function signed(n: number): number[] {
  return -64 <= n && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)];
}

const end = 0x0b;

/** An instruction behind its operands. */
const instruction =
  (...bytes: number[]) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), ...bytes];
const vector = (code: number, ...immediates: number[]) => instruction(0xfd, ...unsigned(code), ...immediates);
/** Loads from an address, or stores what follows the address, `offset` bytes behind it. */
const access =
  (...code: number[]) =>
  (address: Code, offset = 0, ...operands: readonly Code[]): Code => {
    return [...address, ...operands.flat(), ...code, 0, ...unsigned(offset)];
  };
const vectorAccess = (code: number) => access(0xfd, ...unsigned(code));
const laneAccess =
  (code: number) =>
  (address: Code, offset: number, value: Code): Code => [...vectorAccess(code)(address, offset, value), 0];
const bytesOf = (array: Float32Array | Float64Array): Code => [...new Uint8Array(array.buffer)];

/** Does the steps, and again as long as the condition holds after them. */
export const repeat = (steps: readonly Code[], condition: Code): Code => [
  ...[0x03, 0x40, ...steps.flat()],
  ...[...condition, 0x0d, 0, end],
];
/** Moves an address. */
export const advance = (address: Local, bytes: number): Code => address.set(i32.add(address, i32.const(bytes)));

/** Instructions by name. */
const instructions = <Name extends string>(codes: Readonly<Record<Name, number>>, make = instruction) => {
  const entries = Object.entries<number>(codes).map(([name, code]) => [name, make(code)]);
  return Object.fromEntries(entries) as Record<Name, ReturnType<typeof instruction>>;
};
const vectors = <Name extends string>(codes: Readonly<Record<Name, number>>) => instructions(codes, vector);

export const i32 = {
  const: (n: number): Code => [0x41, ...signed(n)],
  ...instructions({ add: 0x6a, sub: 0x6b, mul: 0x6c, and: 0x71, or: 0x72, shl: 0x74, shr: 0x76 }),
  ...instructions({ eq: 0x46, below: 0x49, ofFloat: 0xbc }), // ofFloat: its bits
  ...{ load: access(0x28), load16: access(0x2f), store: access(0x36) },
};

export const f32 = {
  const: (n: number): Code => [0x43, ...bytesOf(Float32Array.of(n))],
  ...instructions({ mul: 0x94, max: 0x97, demote: 0xb6, ofBits: 0xbe }),
  store: access(0x38),
};

export const f64 = {
  const: (n: number): Code => [0x44, ...bytesOf(Float64Array.of(n))],
  ...instructions({ add: 0xa0, mul: 0xa2, div: 0xa3, promote: 0xbb, ofInt: 0xb8 }),
};

export const v128 = {
  const: (bytes: readonly number[]): Code => [0xfd, 12, ...bytes],
  ...{ load: vectorAccess(0x00), store: vectorAccess(0x0b) },
  load64: vectorAccess(0x5d), // 8 bytes, zeros beside them
  ...{ store16: laneAccess(0x59), store64: laneAccess(0x5b) }, // the lowest 2 or 8 bytes
  ...vectors({ and: 0x4e, or: 0x50, xor: 0x51 }),
  ...vectors({ select: 0x52 }), // bits of the first where the third has ones, else of the second
};

export const i8x16 = {
  all: (byte: number): Code => v128.const(Array<number>(16).fill(byte)),
  ...vectors({ swizzle: 0x0e }), // bytes of the first by the numbers in the second
  ...vectors({ narrow: 0x65, narrowUnsigned: 0x66 }), // signed numbers of 16 bits, kept in range
  ...vectors({ eq: 0x23, shl: 0x6b, shrSigned: 0x6c, shr: 0x6d, add: 0x6e }),
};

export const i16x8 = vectors({ narrow: 0x85, low: 0x87, shr: 0x8d }); // low: the lower 8 bytes, signed

export const i32x4 = vectors({ splat: 0x11, low: 0xa7, add: 0xae, ofDoubles: 0xfc }); // cut off, NaN as 0

export const f32x4 = {
  lane: (index: number, x: Code): Code => vector(0x1f, index)(x),
  ...vectors({ splat: 0x13, abs: 0xe0, sqrt: 0xe3, add: 0xe4, sub: 0xe5, mul: 0xe6, div: 0xe7, max: 0xe9 }),
  ...vectors({ ofInts: 0xfa, demote: 0x5e }), // demote: two float64, zeros beside them
};

export const f64x2 = {
  all: (n: number): Code => v128.const(bytesOf(Float64Array.of(n, n))),
  lane: (index: number, x: Code): Code => vector(0x21, index)(x),
  ...vectors({ splat: 0x14, ceil: 0x74, eq: 0x47, above: 0x4a, neg: 0xed, add: 0xf0, sub: 0xf1, mul: 0xf2, div: 0xf3 }),
  ...vectors({ min: 0xf4, max: 0xf5, promote: 0x5f }), // promote: the two lower float32
};
