/** Blocks of GGUF as integers: src/checkpoint/blocks/integers.ts says what is written where. */
import { type BlockType, integerForms } from '../../src/checkpoint/index.ts';
import {
  advance,
  type Code,
  f32,
  f32x4,
  i8x16,
  i16x8,
  i32,
  i32x4,
  type KernelDefinition,
  kernel,
  type Local,
  repeat,
  v128,
} from './assembler.ts';

const variables = {
  takes: { from: 'i32', last: 'i32', codes: 'i32', scales: 'i32', minimums: 'i32' },
  keeps: { half: 'i32', low: 'i32', high: 'i32', more: 'i32', scale: 'v128', a: 'v128', b: 'v128', c: 'v128' },
} as const;
type Locals = Readonly<Record<keyof typeof variables.takes | keyof typeof variables.keeps, Local>>;

/** A function from what it does to one block. */
function unpacker(type: BlockType, block: (locals: Locals) => readonly Code[]): KernelDefinition {
  const { bits, group, minimums, bytes, elements } = integerForms[type];
  const groups = elements / group;
  return kernel(type, variables.takes, variables.keeps, (locals) => [
    repeat(
      [
        ...block(locals),
        advance(locals.from, bytes),
        advance(locals.codes, (elements * bits) / 8),
        advance(locals.scales, 4 * groups),
        ...(minimums ? [advance(locals.minimums, 4 * groups)] : []),
      ],
      i32.below(locals.from, locals.last),
    ),
  ]);
}

/** The half-precision number at `offset` of a block, as the bits of a float32. */
function half({ from, half }: Locals, offset: number): Code {
  const size = i32.shl(i32.and(half.tee(i32.load16(from, offset)), i32.const(0x7fff)), i32.const(13));
  const finite = i32.ofFloat(f32.mul(f32.ofBits(size), f32.const(2 ** 112))); // of the other bias of exponents
  const sign = i32.shl(i32.and(half, i32.const(0x8000)), i32.const(16));
  const isBeyond = i32.eq(i32.and(half, i32.const(0x7c00)), i32.const(0x7c00));
  return i32.or(i32.or(finite, sign), i32.mul(isBeyond, i32.const(0x7f800000)));
}

const shr = (x: Code, bits: number): Code => (bits === 0 ? x : i8x16.shr(x, i32.const(bits)));
const shl = (x: Code, bits: number): Code => (bits === 0 ? x : i8x16.shl(x, i32.const(bits)));
const masked = (x: Code, mask: number): Code => v128.and(x, i8x16.all(mask));
const raised = (x: Code, by: number): Code => (by === 0 ? x : i8x16.add(x, i8x16.all(by)));

/** Bytes of 4 bits each in `first`, then in `second`, two neighbours to a byte. */
function pairs({ a, b }: Locals, first: Code, second: Code): Code {
  const paired = (x: Local, value: Code) => {
    return v128.and(v128.or(x.tee(value), i16x8.shr(x, i32.const(4))), v128.const(Array(8).fill([0xff, 0]).flat()));
  };
  return i8x16.narrowUnsigned(paired(a, first), paired(b, second));
}

/** Of 16 bytes of two codes each, the low ones and then the high ones. */
function nibbles(locals: Locals, bytes: Code): Code {
  return pairs(locals, masked(locals.c.tee(bytes), 15), shr(locals.c, 4));
}

/** Stores four bytes, numbers below 128, times `scale` as float32. */
function storeScaled({ scale }: Locals, into: Local, offset: number, bytes: Code, less = 0): Code {
  const numbers = i32x4.low(i16x8.low(i32x4.splat(bytes)));
  const centred = less === 0 ? numbers : i32x4.add(numbers, i32x4.splat(i32.const(-less)));
  return v128.store(into, offset, f32x4.mul(f32x4.ofInts(centred), scale));
}

const everyByte = (mask: number) => i32.const(mask * 0x01010101);
/** Of each byte of four, some bits moved down. */
const down = (word: Code, by: number, mask: number) => {
  return i32.and(by === 0 ? word : i32.shr(word, i32.const(by)), everyByte(mask));
};
/** Lower four bits of bytes with two more above them. */
const sixBits = (lower: Code, upper: Code) => i32.or(lower, i32.shl(upper, i32.const(4)));

/** Scales and minimums of the eight groups of Q4_K and Q5_K: see group-scales.ts. */
function groupScales(locals: Locals): Code[] {
  const { from, scales, minimums, low, high, more, scale } = locals;
  return [
    low.set(i32.load(from, 4)),
    high.set(i32.load(from, 8)),
    more.set(i32.load(from, 12)),
    scale.set(f32x4.splat(f32.ofBits(half(locals, 0)))),
    storeScaled(locals, scales, 0, down(low, 0, 63)),
    storeScaled(locals, scales, 16, sixBits(down(more, 0, 15), down(low, 6, 3))),
    scale.set(f32x4.splat(f32.mul(f32.ofBits(half(locals, 2)), f32.const(-1)))),
    storeScaled(locals, minimums, 0, down(high, 0, 63)),
    storeScaled(locals, minimums, 16, sixBits(down(more, 4, 15), down(high, 6, 3))),
  ];
}

/** 32 fifth bits, then lower bits as in Q4_0: 32 codes of a byte, `more` added to each. */
function fives({ from, codes, a, b }: Locals, offset: number, more: number): Code[] {
  const bitOfEach = v128.const([...Array(16).keys()].map((i) => 1 << (i & 7)));
  const fifth = (byte: number) => {
    const spread = i8x16.swizzle(b, v128.const([...Array(16).keys()].map((i) => byte + (i >> 3))));
    return masked(i8x16.eq(v128.and(spread, bitOfEach), bitOfEach), 16);
  };
  return [
    a.set(v128.load(from, offset + 4)),
    b.set(i32x4.splat(i32.load(from, offset))),
    v128.store(codes, 0, raised(v128.or(masked(a, 15), fifth(0)), more)),
    v128.store(codes, 16, raised(v128.or(shr(a, 4), fifth(2)), more)),
  ];
}

/** The 16 levels of IQ4_NL as codes of 8 bits, denser around zero where weights are: ggml's kvalues_iq4nl. */
const levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113].map((level) => level + 128);
const range = (count: number) => [...Array(count).keys()];

export const unpack = [
  // weight = scale * (q - 8): the scale, then 16 bytes whose low halves are the first 16 weights and whose high
  // halves are the rest
  unpacker('Q4_0', (l) => [
    i32.store(l.scales, 0, half(l, 0)),
    v128.store(l.codes, 0, nibbles(l, v128.load(l.from, 2))),
  ]),
  // weight = scale * q + minimum: scale, minimum, codes as in Q4_0
  unpacker('Q4_1', (l) => [
    i32.store(l.scales, 0, half(l, 0)),
    i32.store(l.minimums, 0, half(l, 2)),
    v128.store(l.codes, 0, nibbles(l, v128.load(l.from, 4))),
  ]),
  // weight = scale * levels[q], laid out as Q4_0
  unpacker('IQ4_NL', (l) => [
    i32.store(l.scales, 0, half(l, 0)),
    l.a.set(v128.load(l.from, 2)),
    v128.store(l.codes, 0, i8x16.swizzle(v128.const(levels), masked(l.a, 15))),
    v128.store(l.codes, 16, i8x16.swizzle(v128.const(levels), shr(l.a, 4))),
  ]),
  // weight = scale * (q - 16): scale, 32 fifth bits, the lower four as in Q4_0
  unpacker('Q5_0', (l) => [i32.store(l.scales, 0, half(l, 0)), ...fives(l, 2, 128 - 16)]),
  // weight = scale * q + minimum: scale, minimum, fifth bits, lower bits
  unpacker('Q5_1', (l) => [
    i32.store(l.scales, 0, half(l, 0)),
    i32.store(l.minimums, 0, half(l, 2)),
    ...fives(l, 4, 0),
  ]),
  // weight = scale * q: the scale, 32 signed bytes
  unpacker('Q8_0', (l) => [
    i32.store(l.scales, 0, half(l, 0)),
    ...[0, 16].map((i) => v128.store(l.codes, i, v128.xor(v128.load(l.from, 2 + i), i8x16.all(0x80)))),
  ]),
  // weight = scale * s * q - minimum * m: 16 bytes of s (low half) and m (high half), 64 of 2-bit q, scale, minimum;
  // each 32 bytes of q hold 128 weights, 32 to a pair of bits
  unpacker('Q2_K', (l) => [
    l.scale.set(f32x4.splat(f32.ofBits(half(l, 80)))),
    ...range(4).map((i) => storeScaled(l, l.scales, 16 * i, down(i32.load(l.from, 4 * i), 0, 15))),
    l.scale.set(f32x4.splat(f32.mul(f32.ofBits(half(l, 82)), f32.const(-1)))),
    ...range(4).map((i) => storeScaled(l, l.minimums, 16 * i, down(i32.load(l.from, 4 * i), 4, 15))),
    ...range(8).map((two) => {
      const lower = (i: number) => masked(shr(v128.load(l.from, 16 + 32 * (two >> 2) + i), 2 * (two & 3)), 3);
      return v128.store(l.codes, 16 * two, pairs(l, lower(0), lower(16)));
    }),
  ]),
  // weight = scale * (s - 32) * (q - 4): 32 bytes of third bits (of weight i bit i / 32 of byte i % 32), 64 of lower
  // bits as in Q2_K, 12 of 6-bit s (low four bits in bytes 0 to 7, high two in 8 to 11), scale
  unpacker('Q3_K', (l) => [
    l.low.set(i32.load(l.from, 96)),
    l.high.set(i32.load(l.from, 100)),
    l.more.set(i32.load(l.from, 104)),
    l.scale.set(f32x4.splat(f32.ofBits(half(l, 108)))),
    ...range(4).map((i) => {
      const lower = down(i & 1 ? l.high : l.low, i < 2 ? 0 : 4, 15);
      return storeScaled(l, l.scales, 16 * i, sixBits(lower, down(l.more, 2 * i, 3)), 32);
    }),
    ...range(8).map((two) => {
      const lower = (i: number) => masked(shr(v128.load(l.from, 32 + 32 * (two >> 2) + i), 2 * (two & 3)), 3);
      const third = (i: number) => shl(masked(shr(v128.load(l.from, i), two), 1), 2);
      const code = (i: number) => raised(v128.or(lower(i), third(i)), 8 - 4);
      return v128.store(l.codes, 16 * two, pairs(l, code(0), code(16)));
    }),
  ]),
  // weight = scale * s * q - minimum * m: scale, minimum, 12 bytes of s and m, 128 of codes: each 32 bytes hold two
  // groups, the first in the low halves
  unpacker('Q4_K', (l) => [
    ...groupScales(l),
    ...range(4).flatMap((two) => {
      const bytes = (i: number) => v128.load(l.from, 16 + 32 * two + i);
      return [
        v128.store(l.codes, 32 * two, pairs(l, masked(bytes(0), 15), masked(bytes(16), 15))),
        v128.store(l.codes, 32 * two + 16, pairs(l, shr(bytes(0), 4), shr(bytes(16), 4))),
      ];
    }),
  ]),
  // as Q4_K, with 32 bytes of fifth bits before the lower ones: bit g of byte i is weight i of group g
  unpacker('Q5_K', (l) => [
    ...groupScales(l),
    ...range(16).map((i) => {
      const [group, half] = [i >> 1, 16 * (i & 1)];
      const lower = masked(shr(v128.load(l.from, 48 + 32 * (group >> 1) + half), 4 * (group & 1)), 15);
      const fifth = shl(masked(shr(v128.load(l.from, 16 + half), group), 1), 4);
      return v128.store(l.codes, 16 * i, v128.or(lower, fifth));
    }),
  ]),
  // weight = scale * s * (q - 32) with signed bytes s: 128 bytes of low four bits, 64 of high two bits, 16 of s,
  // scale; of each half of 128 weights, 64 low bytes hold weights 0 to 63 in their low halves and 64 to 127 in their
  // high halves, and 32 high bytes hold four runs of 32 in pairs of bits
  unpacker('Q6_K', (l) => [
    l.scale.set(f32x4.splat(f32.ofBits(half(l, 208)))),
    ...range(4).map((i) => storeScaled(l, l.scales, 16 * i, i32.load(l.from, 192 + 4 * i))),
    ...range(4).flatMap((i) => {
      const [low, high, to] = [64 * (i >> 1) + 16 * (i & 1), 128 + 16 * i, 128 * (i >> 1) + 16 * (i & 1)];
      const upper = (bits: number) => {
        return bits < 4 ? shl(masked(l.c, 3 << bits), 4 - bits) : shr(masked(l.c, 3 << bits), bits - 4);
      };
      const store = (at: number, lower: Code, bits: number) => {
        return v128.store(l.codes, to + at, raised(v128.or(lower, upper(bits)), 128 - 32));
      };
      return [
        l.a.set(v128.load(l.from, low)),
        l.b.set(v128.load(l.from, low + 32)),
        l.c.set(v128.load(l.from, high)),
        store(0, masked(l.a, 15), 0),
        store(32, masked(l.b, 15), 2),
        store(64, shr(l.a, 4), 4),
        store(96, shr(l.b, 4), 6),
      ];
    }),
  ]),
];
