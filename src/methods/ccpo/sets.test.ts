import fc from 'fast-check';
import { expect, test } from 'vitest';
import { calibratedThreshold, quantileIndex, rowsNeeded } from './calibration.ts';
import { chain, type Episode } from './episode.ts';
import { softmask, softOutcome } from './exact.ts';
import { operatingAt, profileOf } from './measure.ts';
import { criticalThreshold, type EmptyRule, outcomeAt, scoresOf } from './sets.ts';

/** A question whose answers are right as told, [base, guide] by round. */
function question(
  right: readonly (readonly [boolean, boolean])[],
  costs: readonly number[] = right.map(() => 1),
): Episode {
  return chain(
    'q',
    right.map(([base, guide], t) => ({
      obs: [t],
      cost: costs[t] as number,
      leaves: [
        { right: base, answer: base ? 'gold' : `base ${t}` },
        { right: guide, answer: guide ? 'gold' : `guide ${t}` },
      ],
    })),
  );
}

const pi = Float64Array.of(0.2, 0.3, 0.5, 0.6, 0.4, 0);
const criticalOf = (right: readonly (readonly [boolean, boolean])[]) => {
  const episode = question(right);
  return criticalThreshold(episode, scoresOf(episode, pi, 'abstain'));
};

test('oracle 1: critical thresholds and sets of two rounds by hand', () => {
  expect(
    criticalOf([
      [false, false],
      [true, false],
    ]),
  ).toBe(0.5);
  expect(
    criticalOf([
      [false, true],
      [false, false],
    ]),
  ).toBe(0.3);
  expect(
    criticalOf([
      [false, true],
      [true, false],
    ]),
  ).toBe(0.5);
  expect(
    criticalOf([
      [false, false],
      [false, false],
    ]),
  ).toBe(Infinity);
  const episode = question(
    [
      [false, false],
      [true, false],
    ],
    [1, 3],
  );
  const scores = scoresOf(episode, pi, 'abstain');
  const at = outcomeAt(episode, scores, 0.4);
  expect(at.answers.map(({ node, action }) => [node, action])).toEqual([
    [1, 0],
    [1, 1],
  ]);
  expect([at.rounds, at.cost, at.covered]).toEqual([2, 4, true]);
  expect(outcomeAt(episode, scores, 0.55)).toMatchObject({ answers: [], rounds: 1, cost: 1, covered: false });
});

test("the rule 'argmax' keeps the likeliest action at any threshold", () => {
  const episode = question([
    [false, false],
    [true, false],
  ]);
  const scores = scoresOf(episode, pi, 'argmax');
  expect(outcomeAt(episode, scores, 0.99).answers.map(({ node, action }) => [node, action])).toEqual([[1, 0]]);
  expect(criticalThreshold(episode, scores)).toBe(1);
});

/** Random questions with random action probabilities. */
const cases = fc
  .array(
    fc.tuple(
      fc.boolean(),
      fc.boolean(),
      fc.tuple(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
      ),
      fc.integer({ min: 0, max: 5 }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((rounds) => {
    const episode = question(
      rounds.map(([base, guide]) => [base, guide]),
      rounds.map(([, , , cost]) => cost),
    );
    const pi = Float64Array.from(
      rounds.flatMap(([, , [a, b, c]], t) => {
        const next = t === rounds.length - 1 ? 0 : c;
        return [a, b, next].map((each) => each / (a + b + next));
      }),
    );
    return { episode, pi };
  });
const rules = fc.constantFrom<EmptyRule>('abstain', 'argmax');

test('oracle 1: covered iff kappa <= kappa*, on 20,000 random questions', () => {
  fc.assert(
    fc.property(cases, rules, fc.double({ min: -0.1, max: 1.1, noNaN: true }), ({ episode, pi }, rule, kappa) => {
      const scores = scoresOf(episode, pi, rule);
      expect(outcomeAt(episode, scores, kappa).covered).toBe(kappa <= criticalThreshold(episode, scores));
    }),
    { numRuns: 20_000, seed: 1 },
  );
});

test('oracle 9: a lower threshold never lowers size, coverage or cost, and at 0 everything is covered', () => {
  fc.assert(
    fc.property(
      cases,
      rules,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ({ episode, pi }, rule, a, b) => {
        const scores = scoresOf(episode, pi, rule);
        const [low, high] = [outcomeAt(episode, scores, Math.min(a, b)), outcomeAt(episode, scores, Math.max(a, b))];
        expect(low.setSize).toBeGreaterThanOrEqual(high.setSize);
        expect(low.cost).toBeGreaterThanOrEqual(high.cost);
        expect(Number(low.covered)).toBeGreaterThanOrEqual(Number(high.covered));
        expect(outcomeAt(episode, scores, 0).covered).toBe(true);
        const operating = operatingAt([profileOf(episode, scores)], a);
        const { cost, covered } = outcomeAt(episode, scores, a);
        expect(operating).toEqual({ cost, coverage: covered ? 1 : 0 });
      },
    ),
    { numRuns: 2000, seed: 2 },
  );
});

test('oracle 2: the quantile index, and exact coverages', () => {
  const indices = [
    [200, 0.1],
    [200, 0.2],
    [200, 0.05],
    [9, 0.2],
    [8, 0.1],
    [99, 0.29],
  ] as const;
  expect(indices.map(([n, alpha]) => quantileIndex(n, alpha))).toEqual([20, 40, 10, 2, 0, 29]);
  expect([20, 40, 10].map((k) => Number((1 - k / 201).toFixed(6)))).toEqual([0.900498, 0.800995, 0.950249]);
  expect([0.1, 0.2, 0.05, 0.5, 0.3].map(rowsNeeded)).toEqual([9, 4, 19, 1, 3]);
});

test.each([0.1, 0.035, 0.29, 0.9])('rowsNeeded(%d) is the least n with k of 1', (alpha) => {
  const n = rowsNeeded(alpha);
  expect([quantileIndex(n, alpha) >= 1, n === 1 || quantileIndex(n - 1, alpha) < 1]).toEqual([true, true]);
});

test('calibration refuses too few rows and too many unsolvable ones, each with the number', () => {
  expect(() => calibratedThreshold([0.1, 0.2, 0.3], 0.1)).toThrow(
    'alpha 0.1 needs 9 calibration rows or more (there are 3)',
  );
  const unsolvable = Array.from({ length: 20 }, (_, i) => (i < 1 ? 0.5 : Infinity));
  expect(() => calibratedThreshold(unsolvable, 0.1)).toThrow('19 of 20 calibration questions have no right answer');
});

test('oracle 10: with a narrow softmask the soft quantities are the true ones', () => {
  fc.assert(
    fc.property(cases, fc.double({ min: 0.05, max: 0.9, noNaN: true }), ({ episode, pi }, kappa) => {
      fc.pre([...pi].every((p) => Math.abs(p - kappa) > 1e-3));
      const { masks } = softmask(episode, pi, { kappa, eps: 1e-6, scale: 'linear' });
      const soft = softOutcome(episode, masks, true);
      const hard = outcomeAt(episode, scoresOf(episode, pi, 'abstain'), kappa);
      expect(soft.cost.value).toBeCloseTo(hard.cost, 6);
      expect(soft.coverage.value).toBeCloseTo(hard.covered ? 1 : 0, 6);
      expect(soft.size.value).toBeCloseTo(hard.setSize, 6);
    }),
    { numRuns: 500, seed: 3 },
  );
});

test.each(['linear', 'log'] as const)(
  'oracle 10: derivatives of the soft quantities equal finite differences (%s)',
  (scale) => {
    fc.assert(
      fc.property(cases, fc.double({ min: 0.05, max: 0.6, noNaN: true }), ({ episode, pi }, kappa) => {
        const at = (probabilities: Float64Array) => {
          const { masks, slopes } = softmask(episode, probabilities, {
            kappa,
            eps: scale === 'linear' ? 0.05 : 0.5,
            scale,
          });
          return { slopes, ...softOutcome(episode, masks, true) };
        };
        const { slopes, ...soft } = at(pi);
        const step = 1e-6;
        for (const i of pi.keys()) {
          if (pi[i] === 0) continue;
          const [more, less] = [at(pi.with(i, (pi[i] as number) + step)), at(pi.with(i, (pi[i] as number) - step))];
          for (const key of ['cost', 'coverage', 'size'] as const) {
            const numeric = (more[key].value - less[key].value) / (2 * step);
            const analytic = (soft[key].gradient[i] as number) * (slopes[i] as number);
            expect(Math.abs(numeric - analytic)).toBeLessThan(1e-5 * Math.max(1, Math.abs(numeric)));
          }
        }
      }),
      { numRuns: 200, seed: 4 },
    );
  },
);
