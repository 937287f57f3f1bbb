import { compile, type Program, type Value, type Values } from '../engine/index.ts';
import { blocks, decoder, freshPositions, type LoadedModel, textFeeds, weightFeeds } from '../model/index.ts';
import { differentiate, input, inputsOf, type Tensor } from '../tensor/index.ts';
import { gradientName, type Learner, lessonFeeds, rowsOf } from './learner.ts';
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
  const bound = model.bound();
  const parts = decoder(config, trainee.weights);
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', ['batch', 'seq'])), freshPositions(config));
  const logits = parts.logits(rowsOf(parts.norm(hidden)));
  const scalar = loss(logits);
  const inputs = inputsOf({ scalar });
  const names = trainee.parameters.map(({ name }) => name).filter((name) => inputs.has(name));
  const { loss: root, gradients } = differentiate(
    scalar,
    names.map((name) => inputs.get(name) as Tensor),
  );
  const wanted = Object.fromEntries(names.map((name, i) => [gradientName(name), gradients[i] as Tensor]));
  const trained = new Set(names);
  const program: Program = await compile(
    { loss: root, ...wanted },
    {
      device,
      threads,
      weights: bound.packed ? (name) => (trained.has(name) ? undefined : bound.value(name)) : undefined,
    },
  );
  if (bound.packed) bound.release();
  const feedsOf = textFeeds(config);
  const weights = weightFeeds(program, (name) => store.value(name) ?? bound.value(name));
  const into: Values = Object.fromEntries(names.map((name) => [gradientName(name), store.gradient(name)]));
  return {
    async learn(lesson) {
      const { feeds } = feedsOf(lesson.texts);
      const results = await program.run({ ...weights, ...feeds, ...lessonFeeds(lesson) }, into);
      return (results.loss as Value<'f32'>).data[0] as number;
    },
    dispose: () => program.dispose(),
  };
}
