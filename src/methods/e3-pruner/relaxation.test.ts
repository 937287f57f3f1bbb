import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../base/index.ts';
import { gumbel, gumbelNoise, topK } from './gumbel.ts';
import { type Relaxation, relaxations, relaxed } from './relaxation.ts';
import { droppedAt, initialLogits, temperatureAt } from './schedule.ts';

const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const scores = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 12 });
const withK = scores.chain((z) => fc.tuple(fc.constant(z), fc.integer({ min: 0, max: z.length })));

/** The Jacobian, row by row: dm_i / dz_j. */
const jacobian = (kind: Relaxation, z: readonly number[], k: number, temperature: number) => {
  const { vjp } = relaxed(kind, z, k, temperature);
  return z.map((_, i) => [...vjp(z.map((__, j) => Number(i === j)))]);
};

describe('the exact mask', () => {
  // oracle 1
  test('has k ones, at the largest scores, of equal ones at the lower indexes', () => {
    fc.assert(
      fc.property(withK, ([z, k]) => {
        expect(sum(topK(z, k))).toBe(k);
      }),
    );
    expect([...topK([1, 2, 2, 2], 2)]).toEqual([0, 1, 1, 0]);
    for (const k of [0, 1, 3, 4]) expect(sum(topK([0, 0, 0, 0], k))).toBe(k);
  });

  test('is what the mask of the other side leaves', () => {
    fc.assert(
      fc.property(withK, ([z, k]) => {
        fc.pre(new Set(z).size === z.length);
        const others = topK(
          z.map((x) => -x),
          z.length - k,
        );
        expect([...topK(z, k)]).toEqual([...others].map((x) => 1 - x));
      }),
    );
  });
});

describe('Gumbel noise', () => {
  // oracle 2
  test('has the mean and the variance of its distribution, and no infinities at the ends', () => {
    const random = randomFrom(5);
    const drawn = Float64Array.from({ length: 1_000_000 }, () => gumbel(random));
    const mean = sum(drawn) / drawn.length;
    expect(Math.abs(mean - 0.5772)).toBeLessThan(0.005);
    expect(Math.abs(drawn.reduce((all, x) => all + (x - mean) ** 2, 0) / drawn.length - 1.6449)).toBeLessThan(0.02);
    expect(Number.isFinite(gumbel(() => 0)) && Number.isFinite(gumbel(() => 1 - 2 ** -32))).toBe(true);
  });

  test('depends on seed, step and sample alone', () => {
    expect(gumbelNoise(4, 1, 7, 0)).toEqual(gumbelNoise(4, 1, 7, 0));
    const all = [gumbelNoise(4, 1, 7, 0), gumbelNoise(4, 2, 7, 0), gumbelNoise(4, 1, 8, 0), gumbelNoise(4, 1, 7, 1)];
    expect(new Set(all.map((noise) => noise[0])).size).toBe(4);
    expect([...gumbelNoise(3, 0, 0, 0)].map((x) => x.toFixed(6))).toMatchInlineSnapshot(`
      [
        "1.316492",
        "0.328204",
        "-1.289019",
      ]
    `);
  });

  // oracle 3: Plackett and Luce
  test('samples without replacement in proportion to weights', () => {
    const random = randomFrom(9);
    const draws = 200_000;
    const included = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) {
      const kept = topK(
        [4, 3, 2, 1].map((weight) => Math.log(weight) + gumbel(random)),
        2,
      );
      for (const [j, each] of kept.entries()) included[j] = (included[j] as number) + each;
    }
    for (const [j, wanted] of [0.7159, 0.6083, 0.4413, 0.2345].entries()) {
      expect(Math.abs((included[j] as number) / draws - wanted)).toBeLessThan(0.004);
    }
  });
});

describe('a threshold', () => {
  // oracle 4
  test('has the values and the Jacobian of the specification', () => {
    const { values } = relaxed('threshold', [2, 1, 0, -1], 2, 1);
    for (const [i, wanted] of [0.817574, 0.622459, 0.377541, 0.182426].entries()) {
      expect(values[i]).toBeCloseTo(wanted, 6);
    }
    const [row] = jacobian('threshold', [2, 1, 0, -1], 2, 1);
    for (const [j, wanted] of [0.12019, -0.04562, -0.04562, -0.02895].entries())
      expect(row?.[j]).toBeCloseTo(wanted, 5);
  });

  test('has a symmetric positive semidefinite Jacobian whose rows add up to 0', () => {
    fc.assert(
      fc.property(withK, fc.double({ min: 0.1, max: 3, noNaN: true }), ([z, k], temperature) => {
        const rows = jacobian('threshold', z, k, temperature);
        for (const [i, row] of rows.entries()) {
          expect(Math.abs(sum(row))).toBeLessThan(1e-12);
          for (const [j, each] of row.entries()) expect(each).toBeCloseTo(rows[j]?.[i] as number, 12);
        }
        const v = z.map((_, i) => Math.sin(3 * i + 1));
        const form = sum(rows.map((row, i) => sum(row.map((each, j) => each * (v[j] as number))) * (v[i] as number)));
        expect(form).toBeGreaterThanOrEqual(-1e-12);
      }),
    );
  });

  // oracle 5
  test('is the exact mask at low temperatures, always has the total k, and is the rest of the other side', () => {
    fc.assert(
      fc.property(withK, ([z, k]) => {
        const { values } = relaxed('threshold', z, k, 0.7);
        expect(sum(values)).toBeCloseTo(k, 10);
        const other = relaxed(
          'threshold',
          z.map((x) => -x),
          z.length - k,
          0.7,
        ).values;
        for (const [i, s] of values.entries()) expect(s + (other[i] as number)).toBeCloseTo(1, 10);
        const sorted = [...z].sort((a, b) => b - a);
        const gap = k > 0 && k < z.length ? (sorted[k - 1] as number) - (sorted[k] as number) : 1;
        fc.pre(gap > 1e-3);
        const [cold, hard] = [relaxed('threshold', z, k, gap / 40.1).values, topK(z, k)];
        for (const [i, s] of cold.entries()) expect(Math.abs(s - (hard[i] as number))).toBeLessThan(1e-6);
      }),
    );
  });
});

describe('successive softmaxes', () => {
  // oracle 6
  test('have the values of the specification', () => {
    const { values } = relaxed('successive', [2, 1, 0, -1], 2, 1);
    for (const [i, wanted] of [1.08431, 0.58409, 0.23994, 0.09166].entries()) expect(values[i]).toBeCloseTo(wanted, 5);
    const first = relaxed('successive', [2, 1, 0, -1], 1, 1).values;
    for (const [i, wanted] of [0.643914, 0.236883, 0.087144, 0.032059].entries()) {
      expect(first[i]).toBeCloseTo(wanted, 6);
    }
  });
});

test.each(relaxations)('%s: the Jacobian is the slope, and a shift of all scores changes nothing', (kind) => {
  fc.assert(
    fc.property(withK, fc.double({ min: 0.3, max: 2, noNaN: true }), ([z, k], temperature) => {
      const at = (moved: readonly number[]) => relaxed(kind, moved, k, temperature).values;
      const rows = jacobian(kind, z, k, temperature);
      const h = 1e-5;
      for (const j of z.keys()) {
        const [up, down] = [1, -1].map((sign) => at(z.map((x, i) => (i === j ? x + sign * h : x)))) as [
          Float64Array,
          Float64Array,
        ];
        for (const i of z.keys()) {
          const slope = ((up[i] as number) - (down[i] as number)) / (2 * h);
          expect(Math.abs(slope - (rows[i]?.[j] as number))).toBeLessThan(1e-6); // third derivatives reach 1e4 near ties
        }
      }
      const shifted = at(z.map((x) => x + 1.5));
      for (const [i, s] of at(z).entries()) expect(shifted[i]).toBeCloseTo(s, 9);
      expect(sum(at(z))).toBeCloseTo(k, 9);
    }),
    { numRuns: 40 },
  );
});

describe('schedules', () => {
  // oracle 1, of R(t)
  test('the number of dropped layers rises to its end and stays', () => {
    const drops = Array.from({ length: 41 }, (_, t) => droppedAt(t, 40, 7, 0.5));
    expect([drops[0], drops[20], drops[40]]).toEqual([0, 7, 7]);
    expect(drops.every((each, t) => t === 0 || each >= (drops[t - 1] as number))).toBe(true);
  });

  test('the temperature falls by one factor', () => {
    const [a, b, c] = [0, 10, 20].map((t) => temperatureAt(t, 20, [1, 0.1])) as [number, number, number];
    expect([a, c]).toEqual([1, expect.closeTo(0.1, 12)]);
    expect(b / a).toBeCloseTo(c / b, 12);
  });

  // oracle 14
  test('initial logits have mean 0 and deviation c, in the order of importance', () => {
    const logits = initialLogits([0.3, 0.001, 2, 0.05], 1.5);
    expect(sum(logits)).toBeCloseTo(0, 12);
    expect(Math.sqrt(sum(logits.map((x) => x * x)) / 4)).toBeCloseTo(1.5, 12);
    expect([...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number))).toEqual([2, 0, 3, 1]);
    expect(initialLogits([1, 1])).toEqual([0, 0]);
  });
});
