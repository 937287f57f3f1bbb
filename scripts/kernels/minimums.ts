/** Minimums as zeros and columns: src/model/weights/minimums.ts says what is written where. */
import {
  advance,
  type Code,
  f32,
  f32x4,
  f64,
  f64x2,
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

function minimumsAsColumns(bits: 4 | 8): KernelDefinition {
  const none = 2 ** (bits - 1); // the code that stands for 0
  return kernel(
    `bits${bits}`,
    {
      ...{ scales: 'i32', minimums: 'i32', columns: 'i32', zeros: 'i32', own: 'i32', wide: 'i32', zeroBytes: 'i32' },
      ...{ block: 'i32', whole: 'i32', left: 'i32', digits: 'i32' },
    },
    {
      ...{ at: 'i32', from: 'i32', to: 'i32', last: 'i32' },
      ...{ scale: 'v128', quotient: 'v128', ceiling: 'v128', most: 'v128', unit: 'f64', level: 'f32' },
    },
    (l) => {
      const two = (address: Code) => f64x2.promote(v128.load64(address));
      const behind = (address: Code, blocks: Code) => i32.add(address, i32.shl(blocks, i32.const(2)));
      /** As Math.round: halves up. */
      const rounded = (value: Code) => {
        const up = l.ceiling.tee(f64x2.ceil(l.quotient.tee(value)));
        return f64x2.sub(up, v128.and(f64x2.above(f64x2.sub(l.ceiling, f64x2.all(0.5)), l.quotient), f64x2.all(1)));
      };
      const shorts = (numbers: Code) => i16x8.narrow(i32x4.ofDoubles(numbers), i8x16.all(0));
      /** Two blocks at a time, with one that is 0 behind an odd number of them. */
      const overBlocks = (scales: Code, bytes: Code, body: readonly Code[]) => [
        l.at.set(scales),
        l.from.set(l.minimums),
        l.to.set(bytes),
        l.last.set(behind(l.minimums, l.own)),
        repeat([...body, advance(l.at, 8), advance(l.from, 8), advance(l.to, 2)], i32.below(l.from, l.last)),
      ];
      const wholes = [
        l.scale.set(two(l.at)),
        l.quotient.set(rounded(f64x2.div(f64x2.neg(two(l.from)), l.scale))),
        l.quotient.set(f64x2.min(f64x2.all(2 * none - 1), f64x2.max(f64x2.all(0), l.quotient))),
        l.quotient.set(v128.select(f64x2.all(none), l.quotient, f64x2.eq(l.scale, f64x2.all(0)))),
        v128.store16(l.to, 0, i8x16.narrowUnsigned(shorts(l.quotient), i8x16.all(0))),
        l.quotient.set(f32x4.demote(f64x2.add(two(l.from), f64x2.mul(l.quotient, l.scale)))),
        v128.store64(l.from, 0, l.quotient),
        l.most.set(f32x4.max(l.most, f32x4.abs(l.quotient))),
      ];
      const most = f32.max(f32x4.lane(0, l.most), f32x4.lane(1, l.most));
      const largest = f64.const(bits === 4 ? 16 * 7 + 7 : 127); // in units: digits of 7 and 7
      const digits = [
        v128.store16(l.to, 0, i8x16.narrow(shorts(rounded(f64x2.div(two(l.from), f64x2.splat(l.unit)))), i8x16.all(0))),
      ];
      return [
        f32.store(behind(l.scales, l.own), 0, f32.const(0)),
        f32.store(behind(l.minimums, l.own), 0, f32.const(0)),
        ...overBlocks(l.scales, l.whole, wholes),
        l.unit.set(f64.div(f64.promote(most), largest)),
        ...overBlocks(l.scales, l.left, digits),
        // scales of the columns: they meet means, not sums
        l.level.set(f32.demote(f64.mul(f64.mul(l.unit, f64.ofInt(l.block)), f64.const(bits === 4 ? 16 : 1)))),
        l.at.set(behind(l.scales, l.own)),
        repeat([f32.store(l.at, 0, l.level), advance(l.at, 4)], i32.below(l.at, behind(l.scales, l.wide))),
        ...(bits === 4 ? storeNibbles(l) : storeBytes(l)),
      ];
    },
  );
}

type Places = Readonly<Record<'columns' | 'zeros' | 'zeroBytes' | 'own' | 'wide' | 'block', Local>> &
  Readonly<Record<'whole' | 'left' | 'digits' | 'from' | 'to' | 'last', Local>>;

/** Copies 16 bytes after the other, changed by `made`, into so many each, until `bytes` are written. */
function copied(l: Places, from: Code, to: Code, bytes: Code, made: (x: Code) => Code, into: 8 | 16 = 16): Code[] {
  const store = into === 16 ? v128.store : v128.store64;
  return [
    l.from.set(from),
    l.to.set(to),
    l.last.set(i32.add(l.to, bytes)),
    repeat(
      [store(l.to, 0, made(v128.load(l.from))), advance(l.from, 16), advance(l.to, into)],
      i32.below(l.to, l.last),
    ),
  ];
}

const columnsOf = ({ own, wide, block }: Places) => i32.mul(i32.sub(wide, own), block);

function storeBytes(l: Places): Code[] {
  return [
    ...copied(l, l.left, l.columns, columnsOf(l), (x) => v128.xor(x, i8x16.all(0x80))),
    ...copied(l, l.whole, l.zeros, l.zeroBytes, (x) => x),
  ];
}

/** First digits, then second ones behind them; pairs of digits, and of zeros, as bytes, the low one first. */
function storeNibbles(l: Places): Code[] {
  const shifted = (x: Code) => i8x16.add(x, i8x16.all(8));
  const first = (x: Code) => shifted(i8x16.shrSigned(shifted(x), i32.const(4)));
  const second = (x: Code) => v128.and(shifted(x), i8x16.all(15));
  return [
    ...copied(l, l.left, l.digits, l.own, first),
    ...copied(l, l.left, i32.add(l.digits, l.own), l.own, second),
    ...copied(l, l.digits, l.columns, i32.shr(columnsOf(l), i32.const(1)), nibblePairs, 8),
    ...copied(l, l.whole, l.zeros, l.zeroBytes, nibblePairs, 8),
  ];
}

function nibblePairs(x: Code): Code {
  const paired = v128.or(v128.and(x, pairMask(0x0f, 0)), v128.and(i16x8.shr(x, i32.const(4)), pairMask(0xf0, 0)));
  return i8x16.narrowUnsigned(paired, i8x16.all(0));
}

const pairMask = (low: number, high: number) => v128.const(Array(8).fill([low, high]).flat());

export const minimums = [minimumsAsColumns(4), minimumsAsColumns(8)];
