/**
 * The property test of the op table: every op, on every sample it declares. Gradients against central finite
 * differences in float64, fused kernels against what they expand to in float32.
 */
import { describe, expect, test } from 'vitest';
import { type Random, randomFrom } from '../../src/base/index.ts';
import { arrayTypes, compile, type NumericArray, type Value } from '../../src/engine/index.ts';
import {
  add,
  type Dtype,
  differentiate,
  input,
  mul,
  type Op,
  ops,
  type Sample,
  sum,
  type Tensor,
} from '../../src/tensor/index.ts';
import { apply, rewrite } from '../../src/tensor/tensor.ts';

const real = (dtype: Dtype) => dtype === 'f32' || dtype === 'f64';

function fill(sample: Sample, precision: 'f32' | 'f64', random: Random): Record<string, Value> {
  const values = sample.inputs.map(({ shape, dtype = 'f32', range = [-1, 1], values: fixed }, i) => {
    const type: Dtype = real(dtype) ? precision : dtype;
    const count = shape.reduce((product, dim) => product * dim, 1);
    const at = (k: number) => fixed?.[k] ?? range[0] + (range[1] - range[0]) * random();
    const data = new arrayTypes[type](count) as Exclude<NumericArray, BigInt64Array>;
    for (let k = 0; k < count; k++) (data as { [k: number]: unknown })[k] = type === 'i64' ? BigInt(at(k)) : at(k);
    return [`x${i}`, { dtype: type, shape, data }] as const;
  });
  return Object.fromEntries(values);
}

const symbols = (feeds: Record<string, Value>): Tensor[] =>
  Object.entries(feeds).map(([name, { dtype, shape }]) => input(name, dtype, shape));

/** A scalar of all real outputs with fixed weights, so that every output element matters differently. */
function weighted(outputs: readonly Tensor[], feeds: Record<string, Value>, random: Random): Tensor {
  const terms = outputs
    .filter((output) => real(output.dtype))
    .map((output, i) => {
      const shape = output.shape as number[];
      const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.3);
      feeds[`c${i}`] = { dtype: 'f64', shape, data };
      return sum(
        mul(output, input(`c${i}`, 'f64', shape)),
        shape.map((_, axis) => axis),
      );
    });
  return terms.reduce((a, b) => add(a, b));
}

const expansion = (op: Op, inputs: readonly Tensor[], sample: Sample): readonly Tensor[] =>
  op.expand?.(inputs, sample.attributes ?? {}) ?? [];

/** Without fused ops, whose kernels exist in float32 alone. */
const inPrimitiveOps = (tensors: readonly Tensor[]): Tensor[] =>
  rewrite(tensors, ({ op, attributes }, inputs) => op.expand?.(inputs, attributes));

const cases = [...ops.values()].flatMap((op) =>
  op.samples.map((sample, i) => ({ title: `${op.name} ${i}`, op, sample })),
);

test('every op either has a gradient, expands to ops that have one, or says why not', () => {
  const silent = [...ops.values()].filter((op) => !op.vjp && !op.expand && !op.noGradient);
  expect(silent.map((op) => op.name)).toEqual([]);
});

test('every op that is not a leaf has a sample', () => {
  const bare = [...ops.values()].filter((op) => op.samples.length === 0 && op.noGradient !== 'a leaf');
  expect(bare.map((op) => op.name)).toEqual([]);
});

describe('gradients equal finite differences', () => {
  const differentiable = cases.filter(
    ({ op }) => (op.vjp || op.expand) && !op.straightThrough && op.name !== 'quantizedLinear',
  );
  test.each(differentiable)('$title', async ({ op, sample }) => {
    const random = randomFrom(7);
    const feeds = fill(sample, 'f64', random);
    const inputs = symbols(feeds);
    const parameters = inputs.filter((tensor) => tensor.dtype === 'f64');
    const fused = apply(op, inputs, sample.attributes);
    const gradients = differentiate(weighted(fused, feeds, randomFrom(8)), parameters);
    const named = gradients.flatMap((g, i) => (g ? [[`g${i}`, g] as const] : []));
    const all = inPrimitiveOps([weighted(fused, feeds, randomFrom(8)), ...named.map(([, g]) => g)]);
    const [loss, ...primitive] = all as [Tensor, ...Tensor[]];
    const wanted = Object.fromEntries(named.map(([name], i) => [name, primitive[i] as Tensor]));
    const forward = await compile({ loss }, { threads: 1 });
    const backward = await compile(wanted, { threads: 1 });
    const analytic = await backward.run(feeds);
    const lossAt = async () => ((await forward.run(feeds)).loss as Value<'f64'>).data[0] as number;
    let compared = 0;
    for (const [i, parameter] of parameters.entries()) {
      const { data } = feeds[parameter.node.attributes.name as string] as Value<'f64'>;
      const gradient = (analytic[`g${i}`] as Value<'f64'> | undefined)?.data;
      for (let k = 0; k < data.length; k++) {
        const [x, h] = [data[k] as number, 1e-5];
        data[k] = x + h;
        const above = await lossAt();
        data[k] = x - h;
        const numeric = (above - (await lossAt())) / (2 * h);
        data[k] = x;
        expect(Math.abs((gradient?.[k] ?? 0) - numeric), `d/d${i}[${k}]`).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(numeric)),
        );
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(0);
    await Promise.all([forward.dispose(), backward.dispose()]);
  });
});

test.each(cases.filter(({ op }) => op.straightThrough))(
  'the gradient of $title is what comes in',
  async ({ op, sample }) => {
    const feeds = fill(sample, 'f64', randomFrom(7));
    const inputs = symbols(feeds);
    const [x, seen] = [inputs[0] as Tensor, randomFrom(8)];
    const [gradient] = differentiate(weighted(apply(op, inputs, sample.attributes), feeds, seen), [x]);
    const [through] = differentiate(weighted([x], feeds, randomFrom(8)), [x]);
    const program = await compile({ gradient: gradient as Tensor, through: through as Tensor }, { threads: 1 });
    const results = await program.run(feeds);
    expect(results.gradient?.data).toEqual(results.through?.data);
    await program.dispose();
  },
);

describe('fused kernels compute what they expand to', () => {
  test.each(cases.filter(({ op }) => op.expand))('$title', async ({ op, sample }) => {
    const feeds = fill(sample, 'f32', randomFrom(11));
    const inputs = symbols(feeds);
    const program = await compile({
      fused: apply(op, inputs, sample.attributes)[0] as Tensor,
      primitive: expansion(op, inputs, sample)[0] as Tensor,
    });
    const { fused, primitive } = (await program.run(feeds)) as { fused: Value<'f32'>; primitive: Value<'f32'> };
    expect(fused.shape).toEqual(primitive.shape);
    for (let k = 0; k < fused.data.length; k++) expect(fused.data[k]).toBeCloseTo(primitive.data[k] as number, 5);
    await program.dispose();
  });
});

describe('every op runs and gives the shape that it infers', () => {
  test.each(cases)('$title', async ({ op, sample }) => {
    const feeds = fill(sample, 'f32', randomFrom(3));
    const outputs = apply(op, symbols(feeds), sample.attributes);
    const program = await compile(Object.fromEntries(outputs.map((output, i) => [`y${i}`, output])));
    const results = await program.run(feeds);
    for (const [i, output] of outputs.entries()) expect(results[`y${i}`]?.shape).toEqual(output.shape);
    await program.dispose();
  });
});
