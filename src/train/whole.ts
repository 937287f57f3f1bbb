import { compile, type Program, type Values } from '../engine/index.ts';
import { adaptedWeights, blocks, freshPositions, type LoadedModel, textFeeds, weightFeeds } from '../model/index.ts';
import { gradientName, input, withGradients } from '../tensor/index.ts';
import { type ForwardBackward, lossIn, microBatchFeeds, rowsOf } from './forward-backward.ts';
import type { Loss } from './losses.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { ParameterBuffer } from './parameters.ts';
import type { Trainable } from './trainable.ts';

/** The loss and all gradients as one graph: the whole plan. */
export async function wholeForwardBackward(
  model: LoadedModel,
  trainable: Trainable,
  buffer: ParameterBuffer,
  loss: Loss,
): Promise<ForwardBackward> {
  const { config, device, threads } = model;
  const { adaptation, precision } = trainable;
  const { prefixTokens } = adaptation;
  const bound = model.bound(precision);
  const parts = model.decoder(adaptedWeights(bound.weights, adaptation, config));
  const positions = freshPositions(config, 'batch', 'seq', prefixTokens);
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', ['batch', 'seq'])), positions);
  const logits = parts.logits(rowsOf(parts.norm(hidden)));
  const scalar = loss(logits);
  const isTrained = (name: string) => buffer.value(name) !== undefined;
  const weights = bound.packed ? (name: string) => (isTrained(name) ? undefined : bound.value(name)) : undefined;
  const program = await compile(withGradients(scalar, isTrained), { device, threads, weights });
  let forward: Promise<Program> | undefined;
  const feedsOf = textFeeds(config, prefixTokens);
  const feedsFor = (compiled: Program, microBatch: MicroBatch): Values => ({
    ...weightFeeds(compiled, (name) => buffer.value(name) ?? bound.value(name)),
    ...feedsOf(microBatch.texts).feeds,
    ...microBatchFeeds(microBatch),
  });
  const trained = trainable.parameters.filter(({ name }) => program.outputs.has(gradientName(name)));
  const into: Values = Object.fromEntries(trained.map(({ name }) => [gradientName(name), buffer.gradient(name)]));
  return {
    async forwardBackward(microBatch) {
      return lossIn(await program.run(feedsFor(program, microBatch), into));
    },
    async loss(microBatch) {
      forward ??= compile({ loss: scalar }, { device, threads, weights });
      const compiled = await forward;
      return lossIn(await compiled.run(feedsFor(compiled, microBatch)));
    },
    async dispose() {
      await program.dispose();
      await (await forward)?.dispose();
    },
  };
}
