/** What the optimizer does with every number of a model: src/train/kernels.ts says what the kernels compute. */
import { advance, type Code, f32x4, f64, f64x2, i32, kernel, type Local, repeat, v128 } from './assembler.ts';

/** Again and again, 16 bytes further on each address, while the first is below `last`. */
function overVectors(addresses: readonly [Local, ...Local[]], last: Local, body: readonly Code[]): Code {
  const steps = addresses.map((address) => advance(address, 16));
  return repeat([...body, ...steps], i32.below(addresses[0], last));
}

const adamw = kernel(
  'adamw',
  {
    ...{ values: 'i32', first: 'i32', second: 'i32', gradients: 'i32', last: 'i32' },
    ...{ scale: 'f32', rise1: 'f32', rise2: 'f32', rate: 'f32', epsilon: 'f32', keep: 'f32' },
  },
  {
    ...{ scales: 'v128', rises1: 'v128', rises2: 'v128', rates: 'v128', epsilons: 'v128', keeps: 'v128' },
    ...{ g: 'v128', m: 'v128', v: 'v128' },
  },
  ({ values, first, second, gradients, last, scales, rises1, rises2, rates, epsilons, keeps, g, m, v, ...numbers }) => {
    const toward = (from: Code, target: Code, rise: Code) => f32x4.add(from, f32x4.mul(f32x4.sub(target, from), rise));
    const change = f32x4.div(f32x4.mul(rates, m), f32x4.add(f32x4.sqrt(v), epsilons));
    return [
      scales.set(f32x4.splat(numbers.scale)),
      rises1.set(f32x4.splat(numbers.rise1)),
      rises2.set(f32x4.splat(numbers.rise2)),
      rates.set(f32x4.splat(numbers.rate)),
      epsilons.set(f32x4.splat(numbers.epsilon)),
      keeps.set(f32x4.splat(numbers.keep)),
      overVectors([values, first, second, gradients], last, [
        g.set(f32x4.mul(v128.load(gradients), scales)),
        m.set(v128.load(first)),
        v128.store(first, 0, m.tee(toward(m, g, rises1))),
        v.set(v128.load(second)),
        v128.store(second, 0, v.tee(toward(v, f32x4.mul(g, g), rises2))),
        v128.store(values, 0, f32x4.sub(f32x4.mul(v128.load(values), keeps), change)),
      ]),
    ];
  },
);

const sumOfSquares = kernel(
  'sumOfSquares',
  { from: 'i32', last: 'i32' },
  { even: 'v128', odd: 'v128', two: 'v128' },
  ({ from, last, even, odd, two }) => {
    const square = (offset: number, into: Local) => {
      const wide = two.tee(f64x2.promote(v128.load64(from, offset)));
      return into.set(f64x2.add(f64x2.mul(wide, two), into));
    };
    const both = two.tee(f64x2.add(even, odd));
    const total = f64.add(f64x2.lane(0, both), f64x2.lane(1, two));
    return [overVectors([from], last, [square(0, even), square(8, odd)]), total];
  },
  'f64',
);

const add = kernel('add', { into: 'i32', from: 'i32', last: 'i32' }, {}, ({ into, from, last }) => [
  overVectors([into, from], last, [v128.store(into, 0, f32x4.add(v128.load(into), v128.load(from)))]),
]);

export const optimizer = [adamw, sumOfSquares, add];
