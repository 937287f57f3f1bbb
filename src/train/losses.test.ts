import { describe, expect, test } from 'vitest';
import { randomFrom } from '../base/index.ts';
import { compile, integers, type Value, type Values, value } from '../engine/index.ts';
import { type Dtype, differentiate, input, inputsOf, type Tensor } from '../tensor/index.ts';
import { cachedDistillation, crossEntropy, distillation, type Loss, preference, type Tail } from './losses.ts';
import { predictionMicroBatch, predictions, preferenceMicroBatch, targetTokens } from './micro-batch.ts';

const classes = 5;
const random = randomFrom(11);
const matrix = (rows: number) =>
  Array.from({ length: rows }, () => Array.from({ length: classes }, () => 4 * random() - 2));

/** The loss and its gradient with respect to the logits. */
async function computed(loss: Loss, logits: number[][], feeds: Values): Promise<{ loss: number; gradient: number[] }> {
  const given = input('logits', 'f32', ['rows', classes]);
  const root = loss(given);
  const gradients = differentiate(root, [given]);
  const program = await compile({ loss: root, gradient: gradients[0] as Tensor }, { threads: 1 });
  const results = await program.run({ ...feeds, logits: f32(logits.flat(), [logits.length, classes]) });
  await program.dispose();
  const [lossValue, gradient] = [results.loss as Value<'f32'>, results.gradient as Value<'f32'>];
  return { loss: lossValue.data[0] as number, gradient: [...gradient.data] };
}

const f32 = (data: readonly number[], shape: readonly number[]) => value('f32', shape, Float32Array.from(data));

const logSoftmaxOf = (row: readonly number[]) => {
  const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
  return row.map((x) => x - total);
};

/** Central differences of a function of the logits, in float64. */
function slopes(logits: number[][], f: (logits: number[][]) => number): number[] {
  const h = 1e-5;
  return logits.flatMap((row, i) =>
    row.map((_, j) => {
      const moved = (by: number) => f(logits.map((r, k) => r.map((x, l) => (k === i && l === j ? x + by : x))));
      return (moved(h) - moved(-h)) / (2 * h);
    }),
  );
}

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  expect(got.length).toBe(wanted.length);
  for (const [i, x] of got.entries()) expect(x).toBeCloseTo(wanted[i] as number, 5);
}

const texts = [
  { ids: [0, 1, 2, 3], lossMask: [true, false, true, true] },
  { ids: [4, 0, 3], lossMask: undefined },
];

describe('a microBatch', () => {
  test('counts what is learned: the first token has nothing before it', () => {
    expect(targetTokens(texts)).toBe(4);
  });

  test('has the rows before learned tokens, in the padded texts behind virtual tokens', () => {
    expect(predictions(texts, [])).toMatchObject({ rows: [1, 2, 4, 5], targets: [2, 3, 0, 3], textOf: [0, 0, 1, 1] });
    const { rows, targets, texts: read } = predictions(texts, [7, 8]);
    expect({ rows, targets }).toEqual({ rows: [3, 4, 8, 9], targets: [2, 3, 0, 3] });
    expect(read[1]).toEqual([7, 8, 4, 0, 3]);
  });

  test('of several has the loss weights of the whole batch', () => {
    const total = targetTokens(texts);
    const lossWeights = texts.flatMap((text) => [
      ...(predictionMicroBatch([text], total).feeds.lossWeights as Value<'f32'>).data,
    ]);
    expect(lossWeights).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

test('cross entropy is the mean of -log p(target), and its gradient the slope', async () => {
  const logits = matrix(4);
  const { feeds } = predictionMicroBatch(texts, targetTokens(texts));
  const formula = (rows: number[][]) =>
    rows.reduce((sum, row, i) => sum - (logSoftmaxOf(row)[[2, 3, 0, 3][i] as number] as number), 0) / 4;
  const { loss, gradient } = await computed(crossEntropy, logits, feeds);
  expect(loss).toBeCloseTo(formula(logits), 5);
  expectClose(gradient, slopes(logits, formula));
});

describe('distillation', () => {
  const [logits, teacher] = [matrix(4), matrix(4)];
  const lossWeights = f32([0.25, 0.25, 0.25, 0.25], [4]);

  test.each([1, 0.5, 3])('at temperature %d is T^2 KL(teacher || student), and its gradient the slope', async (t) => {
    const formula = (rows: number[][]) =>
      rows.reduce((sum, row, i) => {
        const student = logSoftmaxOf(row.map((x) => x / t));
        const taught = logSoftmaxOf((teacher[i] as number[]).map((x) => x / t));
        return sum + taught.reduce((all, log, k) => all + Math.exp(log) * (log - (student[k] as number)), 0);
      }, 0) *
      (t ** 2 / 4);
    const feeds = { lossWeights, teacher: f32(teacher.flat(), [4, classes]) };
    const { loss, gradient } = await computed(distillation(t), logits, feeds);
    expect(loss).toBeCloseTo(formula(logits), 5);
    expectClose(gradient, slopes(logits, formula));
  });

  test('is 0 without a slope where the student is the teacher', async () => {
    const { loss, gradient } = await computed(distillation(2), logits, {
      lossWeights,
      teacher: f32(logits.flat(), [4, classes]),
    });
    expect(Math.abs(loss)).toBeLessThan(1e-6);
    expectClose(
      gradient,
      gradient.map(() => 0),
    );
  });

  test('does not see what is added to all logits of a row', async () => {
    const shifted = logits.map((row, i) => row.map((x) => x + 3 * i));
    const { loss } = await computed(distillation(1), logits, {
      lossWeights,
      teacher: f32(shifted.flat(), [4, classes]),
    });
    expect(Math.abs(loss)).toBeLessThan(1e-5);
  });
});

describe('preference', () => {
  // two pairs: the chosen texts, then the rejected ones; 3 + 2 + 1 + 2 tokens are learned
  const four = [
    [0, 1, 2, 3],
    [4, 0, 3],
    [1, 2],
    [2, 2, 1],
  ].map((ids) => ({ ids, lossMask: undefined }));
  const rows = [3, 2, 1, 2];
  const targets = [1, 2, 3, 0, 3, 2, 2, 1];
  const logits = matrix(8);
  const sums = (all: number[][]): number[] => {
    const logs = all.map((row, i) => logSoftmaxOf(row)[targets[i] as number] as number);
    return rows.map((count, text) => {
      const from = rows.slice(0, text).reduce((sum, before) => sum + before, 0);
      return logs.slice(from, from + count).reduce((sum, x) => sum + x, 0);
    });
  };
  const formula = (reference: readonly number[], beta: number) => (all: number[][]) => {
    const [c1, c2, r1, r2] = sums(all) as [number, number, number, number];
    const [d1, d2, s1, s2] = reference as unknown as [number, number, number, number];
    const losses = [c1 - r1 - (d1 - s1), c2 - r2 - (d2 - s2)].map((margin) => Math.log(1 + Math.exp(-beta * margin)));
    return losses.reduce((sum, x) => sum + x, 0) / 2;
  };

  const marginsOf = ([c1, c2, r1, r2]: readonly number[]) => [
    (c1 as number) - (r1 as number),
    (c2 as number) - (r2 as number),
  ];

  test.each([0.1, 1.5])('with beta %d is -log sigmoid of the margin, and its gradient the slope', async (beta) => {
    const reference = [-4, -3, -2.5, -5];
    const { feeds } = preferenceMicroBatch(four, 2, marginsOf(reference));
    const { loss, gradient } = await computed(preference(beta), logits, feeds);
    expect(loss).toBeCloseTo(formula(reference, beta)(logits), 5);
    expectClose(gradient, slopes(logits, formula(reference, beta)));
  });

  test('is log 2 where the reference is the model itself', async () => {
    const { feeds } = preferenceMicroBatch(four, 2, marginsOf(sums(logits)));
    const { loss, gradient } = await computed(preference(0.7), logits, feeds);
    expect(loss).toBeCloseTo(Math.log(2), 6);
    expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.01); // and there is something to learn
  });

  test('stays finite for margins far apart', async () => {
    for (const far of [-1e4, 1e4]) {
      const { feeds } = preferenceMicroBatch(four, 2, [far, far]);
      const { loss } = await computed(preference(1), logits, feeds);
      expect(loss / Math.max(0, far)).toSatisfy((ratio: number) => (far > 0 ? Math.abs(ratio - 1) < 0.01 : loss === 0));
    }
  });
});

/** E3-Pruner's distillation from the teacher's likeliest tokens: oracle 15 of its specification. */
describe('distillation from a cache', () => {
  const logsOf = (p: readonly number[]) => p.map(Math.log);
  const [p, q] = [
    [0.5, 0.3, 0.1, 0.05, 0.05],
    [0.4, 0.3, 0.1, 0.1, 0.1],
  ];
  const feedsFor = (teacher: readonly (readonly number[])[], top: number, lossWeights: readonly number[]) => {
    const ids = teacher.map((row) => [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number)));
    const kept = teacher.map((row, i) => (ids[i] as number[]).slice(0, top).map((id) => row[id] as number));
    return {
      lossWeights: f32(lossWeights, [teacher.length]),
      'teacher:ids': integers(
        ids.flatMap((row) => row.slice(0, top)),
        [teacher.length, top],
      ),
      'teacher:logprobs': f32(kept.flatMap(logsOf), [teacher.length, top]),
      'teacher:rest': f32(
        kept.map((row) => 1 - row.reduce((a, b) => a + b, 0)),
        [teacher.length],
      ),
    };
  };
  const how = (tail: Tail, temperature = 1) => cachedDistillation({ temperature, tail, share: 1 });

  test.each([
    ['bucket', 2, 0.030479],
    ['renorm', 2, 0.005933],
    ['bucket', 5, 0.042257],
    ['renorm', 5, 0.042257],
  ] as const)('with %s and %i tokens has the value of the specification', async (tail, top, wanted) => {
    const { loss } = await computed(how(tail), [logsOf(q)], feedsFor([p], top, [1]));
    expect(loss).toBeCloseTo(wanted, 5);
  });

  const teacher = matrix(6).map((row) => logSoftmaxOf(row).map(Math.exp));
  const weights = [0.1, 0.3, 0.2, 0.1, 0.2, 0.1];
  const restOf = (row: readonly number[]) => 1 - row.reduce((a, b) => a + b, 0);
  const formula = (tail: Tail, top: number) => (rows: number[][]) =>
    rows.reduce((sum, row, i) => {
      const ids = [...row.keys()]
        .sort((a, b) => (teacher[i]?.[b] as number) - (teacher[i]?.[a] as number))
        .slice(0, top);
      const student = logSoftmaxOf(row).map(Math.exp);
      const [ps, qs] = [ids.map((id) => teacher[i]?.[id] as number), ids.map((id) => student[id] as number)];
      const [pTotal, qTotal] = tail === 'renorm' ? [1 - restOf(ps), 1 - restOf(qs)] : [1, 1];
      const kl = ps.reduce((all, mass, k) => {
        return all + (mass / pTotal) * Math.log(mass / pTotal / ((qs[k] as number) / qTotal));
      }, 0);
      const ofRest = tail === 'renorm' ? 0 : restOf(ps) * Math.log(restOf(ps) / restOf(qs));
      return sum + (weights[i] as number) * (kl + ofRest);
    }, 0);

  test.each(['bucket', 'renorm'] as const)('%s: value and gradient are those of the formula', async (tail) => {
    const logits = matrix(6);
    const { loss, gradient } = await computed(how(tail), logits, feedsFor(teacher, 3, weights));
    expect(loss).toBeCloseTo(formula(tail, 3)(logits), 5);
    expectClose(gradient, slopes(logits, formula(tail, 3)));
  });

  test('with a bucket is never more than the whole divergence, and 0 without a slope where both agree', async () => {
    const logits = matrix(6);
    const some = await computed(how('bucket'), logits, feedsFor(teacher, 2, weights));
    const all = await computed(how('bucket'), logits, feedsFor(teacher, classes, weights));
    expect(some.loss).toBeLessThanOrEqual(all.loss + 1e-6);
    const same = await computed(how('bucket'), teacher.map(logsOf), feedsFor(teacher, 2, weights));
    expect(Math.abs(same.loss)).toBeLessThan(1e-6);
    expectClose(
      same.gradient,
      same.gradient.map(() => 0),
    );
  });

  test('mixes with cross entropy by its share, and scales by the square of the temperature', async () => {
    const logits = matrix(6);
    const targets = integers([0, 1, 2, 3, 4, 0]);
    const feeds = { ...feedsFor(teacher, 3, weights), targets };
    const parts = await Promise.all(
      [1, 0, 0.3].map((share) =>
        computed(cachedDistillation({ temperature: 1, tail: 'bucket', share }), logits, feeds),
      ),
    );
    const [taught, entropy, mixed] = parts.map(({ loss }) => loss) as [number, number, number];
    const { loss: alone } = await computed(crossEntropy, logits, feeds);
    expect(entropy).toBeCloseTo(alone, 5);
    expect(mixed).toBeCloseTo(0.3 * taught + 0.7 * entropy, 5);
    const cooled = await computed(
      how('bucket', 2),
      logits.map((row) => row.map((x) => 2 * x)),
      feeds,
    );
    expect(cooled.loss).toBeCloseTo(4 * taught, 4);
  });
});

test('losses read what their microBatches feed, and nothing else', () => {
  const names = (loss: Loss) => [
    ...inputsOf({ loss: loss(input('logits', 'f32' as Dtype, ['rows', classes])) }).keys(),
  ];
  expect(names(crossEntropy).sort()).toEqual(['logits', 'lossWeights', 'targets']);
  expect(names(distillation(1)).sort()).toEqual(['logits', 'lossWeights', 'teacher']);
  expect(names(preference(1)).sort()).toEqual(['logits', 'lossWeights', 'pairShare', 'reference', 'targets']);
});
