import { expect, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import { readAdapter } from '../../src/checkpoint/index.ts';
import { compile, integers, type Value, value } from '../../src/engine/index.ts';
import { blocks, decoder, freshPositions, gateFeeds, positionInputs, rotaryFeeds } from '../../src/model/index.ts';
import {
  differentiate,
  input,
  inputsOf,
  logLikelihood,
  mean,
  substitute,
  type Tensor,
} from '../../src/tensor/index.ts';
import { adapterPath, goldenPath, opened, readAdapterGolden } from './goldens.ts';

const step = 2e-3; // the loss is rounded at 5e-7, so the slope at 2e-4

test.each([
  ['lora', 28, false],
  ['lora', 28, true], // each position with a gate of its own
  ['prompt', 1, false],
  ['prompt-gemma', 1, false],
  ['prefix', 4, false],
  ['prefix-mistral', 4, false],
])('the gradient of a loss with respect to %s is its slope', async (name, parameterCount, gated) => {
  const { checkpoint, sequences } = readAdapterGolden(name);
  const model = opened(goldenPath(checkpoint), { adapters: [readAdapter(adapterPath(name))], gated });
  const { config, adaptation } = model;
  const bound = model.bound('f32');
  const texts = sequences.map(({ ids }) => ids.slice(0, 6));
  const prompt = Array.from({ length: adaptation.promptTokens }, (_, i) => config.vocabulary + i);
  const all = texts.map((ids) => [...prompt, ...ids]);
  const shape = [all.length, all[0]?.length as number];
  const positions = all.map((ids) => ids.map((_, i) => adaptation.prefixTokens + i));

  const parts = decoder(config, bound.weights);
  const seen = freshPositions(config, 'batch', 'seq', adaptation.prefixTokens);
  const logits = parts.logits(
    parts.norm(blocks(parts, config, parts.embed(input('ids', 'i64', ['batch', 'seq'])), seen)),
  );
  const plain = mean(logLikelihood(logits, input('targets', 'i64', ['batch', 'seq'])), [0, 1]);
  const names = [...adaptation.values.keys()];
  expect(names.length).toBe(parameterCount);
  const parameters = names.map((each) => input(each, 'f32', (adaptation.values.get(each) as Value).shape));
  const loss = substitute(plain, new Map(parameters.map((parameter, i) => [names[i] as string, parameter])));
  const gradients = differentiate(loss, parameters);
  const outputs = Object.fromEntries(gradients.map((gradient, i) => [`slope of ${names[i]}`, gradient as Tensor]));

  const feeds: Record<string, Value> = {
    ids: integers(all.flat(), shape),
    targets: integers(
      all.flatMap((ids) => [...ids.slice(1), 3]).map((id) => id % config.vocabulary),
      shape,
    ),
    ...rotaryFeeds(config)(config.context),
    [positionInputs.positions]: integers(positions.flat(), shape),
    ...(gated && gateFeeds(all, 1, (text, position) => [(text + position) / 4])),
  };
  for (const each of inputsOf({ loss }).keys()) feeds[each] ??= bound.value(each) as Value;
  const forward = await compile({ loss }, { threads: 1 });
  const backward = await compile(outputs, { threads: 1 });
  const slopes = await backward.run(feeds);

  const random = randomFrom(5);
  let moved = 0;
  for (const each of names) {
    const { data, shape } = adaptation.values.get(each) as Value<'f32'>;
    const direction = data.map(() => random() - 0.5);
    const slope = direction.reduce(
      (sum, d, i) => sum + d * ((slopes[`slope of ${each}`] as Value<'f32'>).data[i] as number),
      0,
    );
    const lossAt = async (h: number) => {
      const there = value(
        'f32',
        shape,
        data.map((x, i) => x + h * (direction[i] as number)),
      );
      return ((await forward.run({ ...feeds, [each]: there })).loss as Value<'f32'>).data[0] as number;
    };
    const quotient = async (h: number) => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    const numeric = (4 * (await quotient(step / 2)) - (await quotient(step))) / 3;
    expect(Math.abs(slope - numeric), each).toBeLessThan(5e-3 + 2e-3 * Math.abs(numeric));
    moved = Math.max(moved, Math.abs(numeric));
  }
  expect(moved).toBeGreaterThan(0.02);
  await Promise.all([forward.dispose(), backward.dispose()]);
});
