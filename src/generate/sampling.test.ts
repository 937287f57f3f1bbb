import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../base/index.ts';
import { greedy, type Sampling, sample, samplingFrom } from './sampling.ts';

const draws = 20_000;

/** How often each token is drawn. */
function counts(logits: readonly number[], given: Partial<Sampling>, history: readonly number[] = []): number[] {
  const random = randomFrom(7);
  const sampling = samplingFrom({ temperature: 1, ...given });
  const drawn = Array<number>(logits.length).fill(0);
  for (let i = 0; i < draws; i++) {
    const id = sample(Float32Array.from(logits), history, sampling, random);
    drawn[id] = (drawn[id] as number) + 1;
  }
  return drawn;
}

/** Draws are what probabilities say: none where it is 0, and chi-square below its 99.9% point elsewhere. */
function expectDraws(drawn: readonly number[], probabilities: readonly number[]): void {
  const impossible = drawn.filter((count, id) => count > 0 && probabilities[id] === 0);
  expect(impossible).toEqual([]);
  const bins = drawn.map((count, id) => ({ count, mean: draws * (probabilities[id] as number) }));
  const used = bins.filter(({ mean }) => mean > 0);
  const chiSquare = used.reduce((sum, { count, mean }) => sum + (count - mean) ** 2 / mean, 0);
  const freedom = used.length - 1;
  // Wilson and Hilferty's approximation of the chi-square quantile; 3.09 is the normal one of 99.9%
  const bound = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
  if (freedom > 0) expect(chiSquare).toBeLessThan(bound);
}

const softmax = (logits: readonly number[], temperature = 1): number[] => {
  const powers = logits.map((logit) => Math.exp(logit / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};
const logs = (...probabilities: number[]) => probabilities.map(Math.log);

describe('greedy', () => {
  test('takes the largest logit, whatever the filters', () => {
    const { values } = normals(1000, 1);
    const largest = values.reduce((best, x, i) => (x > (values[best] as number) ? i : best), 0);
    for (const given of [{}, { topK: 3 }, { topP: 0.1 }, { minP: 1 }]) {
      expect(sample(values.slice(), [], samplingFrom(given), randomFrom(0))).toBe(largest);
    }
  });

  test('takes the first of equal ones', () => {
    expect(sample(Float32Array.of(1, 3, 3, 2), [], greedy, randomFrom(0))).toBe(1);
  });

  test('is what a temperature near zero draws', () => {
    expectDraws(counts([1, 2, 1.9], { temperature: 1e-3 }), [0, 1, 0]);
    expectDraws(counts([1, 2, 1.9], { temperature: 1e-320 }), [0, 1, 0]);
  });
});

describe('draws', () => {
  test('come as the softmax says', () => {
    const logits = [0.3, -1, 2, 0, 1.5, -2.5, 0.9];
    expectDraws(counts(logits, {}), softmax(logits));
  });

  test.each([0.5, 1.7])('come as the softmax at temperature %d says', (temperature) => {
    const logits = [0.3, -1, 2, 0, 1.5];
    expectDraws(counts(logits, { temperature }), softmax(logits, temperature));
  });

  test('never take a token whose logit is -Infinity', () => {
    expectDraws(counts([0, Number.NEGATIVE_INFINITY, 0], {}), [0.5, 0, 0.5]);
  });

  test('are the same for the same seed', () => {
    const { values } = normals(500, 2);
    const take = (seed: number) => {
      const random = randomFrom(seed);
      return Array.from({ length: 50 }, () => sample(values.slice(), [], samplingFrom({ temperature: 1 }), random));
    };
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
  });
});

describe('filters, by hand', () => {
  test('top-k keeps the k likeliest', () => {
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topK: 2 }), [0, 4 / 7, 0, 3 / 7]);
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topK: 9 }), [0.1, 0.4, 0.2, 0.3]);
  });

  test('top-p keeps the fewest that reach it, the one that crosses it among them', () => {
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topP: 0.65 }), [0, 4 / 7, 0, 3 / 7]);
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topP: 0.75 }), [0, 4 / 9, 2 / 9, 3 / 9]);
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topP: 1e-9 }), [0, 1, 0, 0]);
  });

  test('min-p keeps what is likely enough beside the likeliest', () => {
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { minP: 0.6 }), [0, 4 / 7, 0, 3 / 7]);
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { minP: 1 }), [0, 1, 0, 0]);
  });

  test('of equally likely tokens the first are kept', () => {
    expectDraws(counts([1, 1, 1, 1], { topK: 3 }), [1 / 3, 1 / 3, 1 / 3, 0]);
    expectDraws(counts([1, 1, 1, 1], { topP: 0.5 }), [0.5, 0.5, 0, 0]);
  });

  test('the penalty divides positive logits of what stands in the text and multiplies negative ones, once', () => {
    expectDraws(counts([2, -1, 0.5], { repeatPenalty: 2 }, [0, 1, 1, 0, 99]), softmax([1, -2, 0.5]));
    expect(sample(Float32Array.of(2, 1.5), [0], samplingFrom({ repeatPenalty: 2 }), randomFrom(0))).toBe(1);
  });

  test('top-p counts within what top-k left, at the temperature', () => {
    // the two likeliest are 4/7 and 3/7 of what top-k leaves: 0.55 is reached by the first alone, but not before top-k
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { topK: 2, topP: 0.55 }), [0, 1, 0, 0]);
    // squared: 0.16 of 0.3 is the likeliest alone
    expectDraws(counts(logs(0.1, 0.4, 0.2, 0.3), { temperature: 0.5, topP: 0.53 }), [0, 1, 0, 0]);
  });
});

/** The filters on a sorted list, as the documentation words them. */
function reference(logits: readonly number[], { temperature, topK, topP, minP }: Sampling): Set<number> {
  const probabilities = softmax(logits, temperature);
  let rows = probabilities.map((p, id) => ({ id, p })).sort((a, b) => b.p - a.p || a.id - b.id);
  if (topK > 0) rows = rows.slice(0, topK);
  const mass = rows.reduce((sum, { p }) => sum + p, 0);
  const fewest = rows.findIndex((_, i) => rows.slice(0, i + 1).reduce((sum, { p }) => sum + p, 0) >= topP * mass);
  if (topP < 1) rows = rows.slice(0, fewest < 0 ? rows.length : fewest + 1);
  return new Set(rows.filter(({ p }) => p >= minP * (rows[0] as { p: number }).p).map(({ id }) => id));
}

test('what can be drawn is what sorting the whole vocabulary leaves', () => {
  const sampling = fc.record({
    repeatPenalty: fc.constant(1),
    temperature: fc.constantFrom(0.5, 1, 2),
    topK: fc.nat(12),
    topP: fc.constantFrom(0.123, 0.456, 0.789, 0.987, 1),
    minP: fc.constantFrom(0, 0.0312, 0.4321),
    presencePenalty: fc.constant(0),
    frequencyPenalty: fc.constant(0),
  });
  // a grid with ties, and steps far from rounding
  const logits = fc.array(
    fc.integer({ min: -6, max: 6 }).map((x) => x / 2),
    { minLength: 1, maxLength: 24 },
  );
  fc.assert(
    fc.property(logits, sampling, (values, options) => {
      const drawable = new Set<number>();
      // a stream of evenly spaced numbers meets every token of at least 1/4000 of the mass
      for (let i = 0; i < 4000; i++)
        drawable.add(sample(Float32Array.from(values), [], options, () => (i + 0.5) / 4000));
      const expected = reference(values, options);
      const shares = softmax(values, options.temperature);
      const sure = [...expected].filter((id) => (shares[id] as number) > 1 / 2000);
      expect([...drawable].filter((id) => !expected.has(id))).toEqual([]);
      expect(sure.filter((id) => !drawable.has(id))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

describe('what cannot be', () => {
  const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: never } = Number;
  test.each([[[0, nan, 1]], [[nan, 0]], [[1, inf]], [[never, never]]])('the logits %j are an error', (logits) => {
    for (const given of [{}, { temperature: 1 }, { temperature: 1, topK: 1, topP: 0.5 }]) {
      const picked = () => sample(Float32Array.from(logits), [], samplingFrom(given), randomFrom(0));
      expect(picked).toThrow('the logits of the next token contain NaN or Inf');
    }
  });

  test.each<[Partial<Sampling>, string]>([
    [{ temperature: -1 }, 'temperature must be a number of at least 0 (got -1)'],
    [{ temperature: nan }, 'temperature must be a number of at least 0 (got NaN)'],
    [{ temperature: inf }, 'temperature must be a number of at least 0 (got Infinity)'],
    [{ topK: 1.5 }, 'topK must be an integer of at least 0 (got 1.5)'],
    [{ topK: -1 }, 'topK must be an integer of at least 0 (got -1)'],
    [{ topP: 0 }, 'topP must be above 0 and at most 1 (got 0)'],
    [{ topP: 2 }, 'topP must be above 0 and at most 1 (got 2)'],
    [{ minP: -0.1 }, 'minP must be from 0 to 1 (got -0.1)'],
    [{ repeatPenalty: 0 }, 'repeatPenalty must be a number above 0 (got 0)'],
  ])('%j is refused', (given, sentence) => {
    expect(() => samplingFrom(given)).toThrow(sentence);
  });

  test('an option that is undefined counts as not given', () => {
    expect(samplingFrom({ temperature: undefined, topP: 0.5 } as Partial<Sampling>)).toEqual({ ...greedy, topP: 0.5 });
  });
});

function normals(count: number, spread: number): { values: Float32Array } {
  const normal = normalFrom(randomFrom(11));
  return { values: Float32Array.from({ length: count }, () => normal() * spread) };
}

test.each([0, 1e-3, 1, 5])('a token of 150,000 is picked at once where logits spread by %d', (spread) => {
  const { values } = normals(150_000, spread);
  const different = [...normals(150_000, 1).values]; // equal ones are sorted in one pass
  const begun = performance.now();
  different.sort((a, b) => b - a);
  const sorting = performance.now() - begun; // at once: not by sorting the vocabulary
  for (const given of [{}, { topK: 40 }, { topP: 0.95 }, { topK: 1000, topP: 0.9, minP: 0.02 }]) {
    const sampling = samplingFrom({ temperature: 0.8, ...given });
    const random = randomFrom(1);
    const times = Array.from({ length: 15 }, () => {
      const logits = values.slice();
      const begun = performance.now();
      sample(logits, [], sampling, random);
      return performance.now() - begun;
    }).sort((a, b) => a - b);
    expect(times[1]).toBeLessThan(sorting / 2);
  }
});
