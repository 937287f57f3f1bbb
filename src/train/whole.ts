import { compile, type Program, type Values } from '../engine/index.ts';
import { blocks, decoder, freshPositions, type LoadedModel, textFeeds, weightFeeds } from '../model/index.ts';
import { differentiate, input, inputsOf, type Tensor } from '../tensor/index.ts';
import { gradientName, type Learner, lessonFeeds, lossIn, rowsOf } from './learner.ts';
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
  const { prefixTokens } = trainee.adaptation;
  const bound = model.bound();
  const parts = decoder(config, trainee.weights);
  const positions = freshPositions(config, 'batch', 'seq', prefixTokens);
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', ['batch', 'seq'])), positions);
  const logits = parts.logits(rowsOf(parts.norm(hidden)));
  const scalar = loss(logits);
  const inputs = inputsOf({ scalar });
  const names = trainee.parameters.map(({ name }) => name).filter((name) => inputs.has(name));
  const { loss: root, gradients } = differentiate(
    scalar,
    names.map((name) => inputs.get(name) as Tensor),
  );
  const gradientsByName = Object.fromEntries(names.map((name, i) => [gradientName(name), gradients[i] as Tensor]));
  const trained = new Set(names);
  const weights = bound.packed ? (name: string) => (trained.has(name) ? undefined : bound.value(name)) : undefined;
  const program = await compile({ loss: root, ...gradientsByName }, { device, threads, weights });
  let forward: Promise<Program> | undefined;
  const feedsOf = textFeeds(config, prefixTokens);
  const feedsFor = (compiled: Program, lesson: Lesson): Values => ({
    ...weightFeeds(compiled, (name) => store.value(name) ?? bound.value(name)),
    ...feedsOf(lesson.texts).feeds,
    ...lessonFeeds(lesson),
  });
  const into: Values = Object.fromEntries(names.map((name) => [gradientName(name), store.gradient(name)]));
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
