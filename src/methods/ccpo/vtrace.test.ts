import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../base/index.ts';
import { chain } from './episode.ts';
import { softmask, softOutcome } from './exact.ts';
import { conjugateGradient, cpoStep, dot } from './trust-region.ts';
import { vtrace } from './vtrace.ts';

const clipping = { discount: 1, rho: 1, trace: 1 };

test('oracle 5: V-trace targets and advantages by hand', () => {
  const offPolicy = vtrace({ rewards: [1, 2], values: [2, 1], weights: [0.5, 2] }, clipping);
  expect([...offPolicy.targets, ...offPolicy.advantages]).toEqual([2.5, 2, 0.5, 1]);
  const onPolicy = vtrace({ rewards: [1, 2], values: [0, 0], weights: [1, 1] }, clipping);
  expect([...onPolicy.targets]).toEqual([3, 2]);
});

test('oracle 6: with masks of 0 and 1 the soft coverage is the truth between the two bounds', () => {
  const pi = Float64Array.of(0.6, 0.4, 0);
  const coverageOf = (base: boolean, guide: boolean) => {
    const leaves = [base, guide].map((right, i) => ({ right, answer: right ? 'gold' : `${i}` }));
    const episode = chain('q', [{ obs: [0], cost: 1, leaves }]);
    const { masks } = softmask(episode, pi, { kappa: 0.2, eps: 1e-4, scale: 'log' });
    const shares = [0, 1].map((a) => (masks[a] as number) / ((masks[0] as number) + (masks[1] as number)));
    const lower = (base ? (shares[0] as number) : 0) + (guide ? (shares[1] as number) : 0);
    const upper = (base ? (masks[0] as number) : 0) + (guide ? (masks[1] as number) : 0); // E_pi[mask / pi x right]
    return [lower, softOutcome(episode, masks, false).coverage.value, Math.min(1, upper), upper];
  };
  expect(coverageOf(true, false)).toEqual([0.5, 1, 1, 1]);
  expect(coverageOf(true, true)).toEqual([1, 1, 1, 2]);
});

test('oracle 7: the step of constrained policy optimisation by hand', () => {
  const problem = {
    g: Float64Array.of(1, 0),
    b: Float64Array.of(-0.6, 0.8),
    c: -0.3,
    delta: 0.5,
    product: (v: Float64Array) => v,
  };
  const { x, lambda, nu } = cpoStep(problem);
  expect(lambda).toBeCloseTo(0.838628, 6);
  expect(nu).toBeCloseTo(0.348412, 6);
  expect([...x].map((each) => Number(each.toFixed(6)))).toEqual([-0.943151, -0.332364]);
  expect(Math.sqrt(dot(x, x))).toBeCloseTo(1, 9);
  expect(problem.c + dot(problem.b, x)).toBeCloseTo(0, 9);
});

const normal = normalFrom(randomFrom(1));
const draw = (count: number) => Float64Array.from({ length: count }, normal);

/** A random positive definite matrix as its product with a vector. */
function positive(size: number) {
  const rows = Array.from({ length: size + 2 }, () => draw(size));
  return (v: Float64Array) => {
    const result = v.map((each) => 0.1 * each);
    for (const row of rows) {
      const along = dot(row, v);
      for (let i = 0; i < size; i++) result[i] = (result[i] as number) + along * (row[i] as number);
    }
    return result;
  };
}

test('oracle 7: on 300 random problems the step is as good as the dual problem, solved by search', () => {
  let constrained = 0;
  for (let trial = 0; trial < 300; trial++) {
    const product = positive(3);
    const [g, b, c, delta] = [draw(3), draw(3), 0.3 * normal(), 0.05];
    const step = cpoStep({ g, b, c, delta, product });
    const { x } = step;
    const size = Math.sqrt(dot(x, product(x)) / (2 * delta));
    expect(size).toBeLessThanOrEqual(1 + 1e-6);
    if (step.recovery) {
      expect(size).toBeCloseTo(1, 6);
      continue;
    }
    const inverse = (v: Float64Array) => conjugateGradient(product, v, 10);
    const dual = (nu: number) => {
      const v = g.map((each, i) => each + nu * (b[i] as number));
      return nu * c - Math.sqrt(2 * delta * dot(v, inverse(v)));
    };
    let [low, high] = [0, 1e4];
    for (let i = 0; i < 200; i++) {
      const [one, two] = [low + (high - low) / 3, high - (high - low) / 3];
      if (dual(one) < dual(two)) low = one;
      else high = two;
    }
    if (c + dot(b, x) <= 1e-6) {
      expect(Math.abs(dot(g, x) - dual((low + high) / 2))).toBeLessThan(1e-4);
      constrained += step.nu > 0 ? 1 : 0;
    } else {
      expect(step.recovery).toBe(true);
    }
  }
  expect(constrained).toBeGreaterThan(50);
});
