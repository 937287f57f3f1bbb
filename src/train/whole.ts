import { compile, type Program, type Values } from '../engine/index.ts';
import {
  adaptedWeights,
  blocks,
  decoder,
  freshPositions,
  type LoadedModel,
  textFeeds,
  weightFeeds,
} from '../model/index.ts';
import { input } from '../tensor/index.ts';
import { gradientName, type Learner, lessonFeeds, lossIn, rowsOf, withGradients } from './learner.ts';
import type { Lesson } from './lesson.ts';
import type { Loss } from './losses.ts';
import type { ParameterStore } from './parameters.ts';
import type { Trainee } from './trainee.ts';

/** The loss and all gradients as one graph: the whole plan. */
export async function wholeLearner(
  model: LoadedModel,
  trainee: Trainee,
  store: ParameterStore,
  loss: Loss,
): Promise<Learner> {
  const { config, device, threads } = model;
  const { adaptation, precision } = trainee;
  const { prefixTokens } = adaptation;
  const bound = model.bound(precision);
  const parts = decoder(config, adaptedWeights(bound.weights, adaptation, config));
  const positions = freshPositions(config, 'batch', 'seq', prefixTokens);
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', ['batch', 'seq'])), positions);
  const logits = parts.logits(rowsOf(parts.norm(hidden)));
  const scalar = loss(logits);
  const isTrained = (name: string) => store.value(name) !== undefined;
  const weights = bound.packed ? (name: string) => (isTrained(name) ? undefined : bound.value(name)) : undefined;
  const program = await compile(withGradients(scalar, isTrained), { device, threads, weights });
  let forward: Promise<Program> | undefined;
  const feedsOf = textFeeds(config, prefixTokens);
  const feedsFor = (compiled: Program, lesson: Lesson): Values => ({
    ...weightFeeds(compiled, (name) => store.value(name) ?? bound.value(name)),
    ...feedsOf(lesson.texts).feeds,
    ...lessonFeeds(lesson),
  });
  const trained = trainee.parameters.filter(({ name }) => program.outputs.has(gradientName(name)));
  const into: Values = Object.fromEntries(trained.map(({ name }) => [gradientName(name), store.gradient(name)]));
  return {
    async learn(lesson) {
      return lossIn(await program.run(feedsFor(program, lesson), into));
    },
    async loss(lesson) {
      forward ??= compile({ loss: scalar }, { device, threads, weights });
      const compiled = await forward;
      return lossIn(await compiled.run(feedsFor(compiled, lesson)));
    },
    async dispose() {
      await program.dispose();
      await (await forward)?.dispose();
    },
  };
}
