import { describe, expect, onTestFinished, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import { value } from '../../src/engine/index.ts';
import { type LoadedModel, promptIds } from '../../src/model/index.ts';
import {
  adapterTrainee,
  crossEntropy,
  distillation,
  type Example,
  freshLora,
  freshPrefix,
  freshPrompt,
  fullTrainee,
  type Learner,
  type Lesson,
  type Loss,
  layerwiseLearner,
  learnedTokens,
  type Mode,
  modes,
  type ParameterStore,
  parameterStore,
  predictionLesson,
  preference,
  type Trainee,
  wholeLearner,
} from '../../src/train/index.ts';
import { preferenceLesson } from '../../src/train/lesson.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance, goldenPath, opened, readGolden } from '../model/goldens.ts';
import { ggufOf } from '../model/variants.ts';

const seed = 3;

function traineeOf(model: LoadedModel, mode: Mode): Trainee {
  if (mode === 'full') return fullTrainee(model);
  const options = { rank: 3, alpha: 6, rankStabilized: false, targets: ['q_proj', 'v_proj', 'down_proj'] };
  const fresh = { lora: () => freshLora(model, options, seed), prompt: () => freshPrompt(model, 3, seed) };
  const adapter = mode === 'prefix' ? freshPrefix(model, 3, seed) : fresh[mode]();
  return adapterTrainee(model, adapter, mode);
}

/** A store of values that are nowhere special: B of LoRA is not zero. */
function startedStore(trainee: Trainee): ParameterStore {
  const store = parameterStore(trainee.parameters);
  trainee.start(store);
  const random = randomFrom(seed);
  if (trainee.adaptation.values.size > 0) {
    for (let i = 0; i < store.values.length; i++)
      store.values[i] = (store.values[i] as number) + 0.3 * (random() - 0.5);
  }
  return store;
}

interface Task {
  readonly loss: Loss;
  lesson(texts: readonly Example[], model: LoadedModel, before: readonly number[]): Lesson;
}

const tasks: Readonly<Record<string, Task>> = {
  ce: { loss: crossEntropy, lesson: (texts, _, before) => predictionLesson(texts, learnedTokens(texts), before) },
  kd: {
    loss: distillation(1.5),
    lesson(texts, { config }, before) {
      const { feeds, ...lesson } = predictionLesson(texts, learnedTokens(texts), before);
      const random = randomFrom(seed);
      const logits = Float32Array.from({ length: lesson.rows.length * config.vocabulary }, () => 4 * random());
      const { targets: _, ...shares } = feeds;
      const teacher = value('f32', [lesson.rows.length, config.vocabulary], logits);
      return { ...lesson, feeds: { ...shares, teacher } };
    },
  },
  dpo: {
    loss: preference(0.3),
    lesson: (texts, _, before) => preferenceLesson(texts, 1, Float32Array.of(-20, -21), before),
  },
};

/** Two texts of unequal lengths, of which some tokens are learned. */
function textsOf(name: string): Example[] {
  return readGolden(name)
    .sequences.slice(0, 2)
    .map(({ ids }, text) => {
      const some = ids.slice(0, text === 0 ? 12 : 7);
      return { ids: some, learned: some.map((_, i) => i > 2) };
    });
}

interface Learned {
  readonly loss: number;
  readonly gradients: Float32Array;
}

async function learned(learner: Learner, store: ParameterStore, lesson: Lesson, digits = 5): Promise<Learned> {
  onTestFinished(() => learner.dispose());
  store.gradients.fill(Number.NaN); // every one is to be written
  const loss = await learner.learn(lesson);
  expect(await learner.loss(lesson)).toBeCloseTo(loss, digits);
  return { loss, gradients: store.gradients.slice() };
}

const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, each) => sum + each * each, 0));

/** Compares the slope of the loss along a direction with the gradient, for every parameter. */
async function expectSlopes(learner: Learner, store: ParameterStore, lesson: Lesson, gradients: Float32Array) {
  const random = randomFrom(seed);
  for (const { name } of store.parameters) {
    const { data } = store.value(name) as { data: Float32Array };
    const at = (data.byteOffset - store.values.byteOffset) / 4;
    const gradient = gradients.subarray(at, at + data.length);
    const noise = gradient.map(() => random() - 0.5);
    const [steep, any] = [norm(gradient) || 1, norm(noise)];
    const direction = gradient.map((g, i) => g / steep + (noise[i] as number) / any);
    const slope = gradient.reduce((sum, g, i) => sum + g * (direction[i] as number), 0);
    const start = data.slice();
    const lossAt = async (h: number) => {
      data.set(start.map((x, i) => x + h * (direction[i] as number)));
      return learner.loss(lesson);
    };
    const quotient = async (h: number) => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    const numeric = (4 * (await quotient(step / 2)) - (await quotient(step))) / 3;
    data.set(start);
    expect(Math.abs(slope - numeric), `${name}: ${slope} and ${numeric}`).toBeLessThan(4e-4 + 5e-3 * Math.abs(numeric));
  }
}

const step = 1e-2; // the loss is rounded at 5e-7, so that the slope is at 1e-4

const cases = [
  ...Object.keys(tasks).map((task) => ['llama-gqa', task] as const),
  ...['gemma3', 'qwen3', 'mistral', 'llama-tied'].map((name) => [name, 'ce'] as const),
];

describe.each(cases)('%s, %s:', (name, taskName) => {
  test.each(modes)('gradients of %s are slopes, and the same under every plan', async (mode) => {
    const model = opened(goldenPath(name), { precision: 'f32', threads: 1 });
    const trainee = traineeOf(model, mode);
    const store = startedStore(trainee);
    const task = tasks[taskName] as Task;
    const before = promptIds({ config: model.config, adaptation: trainee.adaptation });
    const lesson = task.lesson(textsOf(name), model, before);
    const whole = await wholeLearner(model, trainee, store, task.loss);
    const wanted = await learned(whole, store, lesson);
    expect(norm(wanted.gradients)).toBeGreaterThan(1e-3);
    for (const held of [true, false]) {
      const { loss, gradients } = await learned(
        await layerwiseLearner(model, trainee, store, task.loss, held),
        store,
        lesson,
      );
      expect(Math.abs(loss - wanted.loss)).toBeLessThan(1e-5 * Math.max(1, wanted.loss));
      expect(distance(gradients, wanted.gradients)).toBeLessThan(2e-5 * norm(wanted.gradients));
    }
    await expectSlopes(whole, store, lesson, wanted.gradients);
  });
});

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, x, i) => sum + x * (b[i] as number), 0) / (norm(a) * norm(b));

describe.each(['Q8_0', 'Q4_0', 'Q4_1'] as const)('weights in %s', (type) => {
  test.each(['lora', 'prompt', 'prefix'] as const)('gradients of %s point where those of floats do', async (mode) => {
    const file = `${temporaryFolder()}/packed.gguf`;
    await ggufOf('llama-gqa', type, file);
    const lesson = async (precision: 'auto' | 'f32', plan: 'whole' | 'by-layer') => {
      const model = opened(file, { precision, threads: 1 });
      const trainee = traineeOf(model, mode);
      const store = startedStore(trainee);
      const before = promptIds({ config: model.config, adaptation: trainee.adaptation });
      const task = tasks.ce as Task;
      const learner =
        plan === 'whole'
          ? await wholeLearner(model, trainee, store, task.loss)
          : await layerwiseLearner(model, trainee, store, task.loss, false);
      // 8-bit activations are rounded otherwise where the graph is another
      return learned(learner, store, task.lesson(textsOf('llama-gqa'), model, before), 3);
    };
    const [float, packed, blocks] = [
      await lesson('f32', 'whole'),
      await lesson('auto', 'whole'),
      await lesson('auto', 'by-layer'),
    ];
    expect(cosine(float.gradients, packed.gradients)).toBeGreaterThan(0.99);
    expect(norm(packed.gradients) / norm(float.gradients)).toBeCloseTo(1, 1);
    expect(distance(packed.gradients, float.gradients)).toBeGreaterThan(0); // they are packed indeed
    expect(distance(blocks.gradients, float.gradients)).toBeLessThan(2e-5 * norm(float.gradients));
  });
});
