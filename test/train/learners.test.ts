import { describe, expect, onTestFinished, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import { value } from '../../src/engine/index.ts';
import { type LoadedModel, promptIds } from '../../src/model/index.ts';
import {
  byLayerForwardBackward,
  crossEntropy,
  distillation,
  type Example,
  type ForwardBackward,
  initLora,
  initPrefix,
  initPrompt,
  type Loss,
  type MicroBatch,
  type Mode,
  modes,
  type ParameterBuffer,
  parameterBuffer,
  predictionMicroBatch,
  preference,
  type Trainable,
  targetTokens,
  trainableAdapter,
  trainableModel,
  wholeForwardBackward,
} from '../../src/train/index.ts';
import { preferenceMicroBatch } from '../../src/train/micro-batch.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance, goldenPath, opened, readGolden } from '../model/goldens.ts';
import { ggufOf } from '../model/variants.ts';

const seed = 3;

function traineeOf(model: LoadedModel, mode: Mode): Trainable {
  if (mode === 'full') return trainableModel(model);
  const options = { rank: 3, alpha: 6, rslora: false, targets: ['q_proj', 'v_proj', 'down_proj'] };
  const fresh = { lora: () => initLora(model, options, seed), prompt: () => initPrompt(model, 3, seed) };
  const adapter = mode === 'prefix' ? initPrefix(model, 3, seed) : fresh[mode]();
  return trainableAdapter(model, adapter, mode);
}

/** A buffer of values that are nowhere special: B of LoRA is not zero. */
function startedStore(trainable: Trainable): ParameterBuffer {
  const buffer = parameterBuffer(trainable.parameters);
  trainable.start(buffer);
  const random = randomFrom(seed);
  if (trainable.adaptation.values.size > 0) {
    for (let i = 0; i < buffer.values.length; i++)
      buffer.values[i] = (buffer.values[i] as number) + 0.3 * (random() - 0.5);
  }
  return buffer;
}

interface Task {
  readonly loss: Loss;
  microBatch(texts: readonly Example[], model: LoadedModel, before: readonly number[]): MicroBatch;
}

const tasks: Readonly<Record<string, Task>> = {
  ce: {
    loss: crossEntropy,
    microBatch: (texts, _, before) => predictionMicroBatch(texts, targetTokens(texts), before),
  },
  kd: {
    loss: distillation(1.5),
    microBatch(texts, { config }, before) {
      const { feeds, ...microBatch } = predictionMicroBatch(texts, targetTokens(texts), before);
      const random = randomFrom(seed);
      const logits = Float32Array.from({ length: microBatch.rows.length * config.vocabulary }, () => 4 * random());
      const { targets: _, ...lossWeights } = feeds;
      const teacher = value('f32', [microBatch.rows.length, config.vocabulary], logits);
      return { ...microBatch, feeds: { ...lossWeights, teacher } };
    },
  },
  dpo: {
    loss: preference(0.3),
    microBatch: (texts, _, before) => preferenceMicroBatch(texts, 1, [1], before),
  },
};

/** Two texts of unequal lengths, of which some tokens are lossMask. */
function textsOf(name: string): Example[] {
  return readGolden(name)
    .sequences.slice(0, 2)
    .map(({ ids }, text) => {
      const some = ids.slice(0, text === 0 ? 12 : 7);
      return { ids: some, lossMask: some.map((_, i) => i > 2) };
    });
}

interface Learned {
  readonly loss: number;
  readonly gradients: Float32Array;
}

async function learned(
  compiled: ForwardBackward,
  buffer: ParameterBuffer,
  microBatch: MicroBatch,
  digits = 5,
): Promise<Learned> {
  onTestFinished(() => compiled.dispose());
  buffer.gradients.fill(Number.NaN); // every one is to be written
  const loss = await compiled.forwardBackward(microBatch);
  expect(await compiled.loss(microBatch)).toBeCloseTo(loss, digits);
  return { loss, gradients: buffer.gradients.slice() };
}

const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, each) => sum + each * each, 0));

/** Compares the slope of the loss along a direction with the gradient, for every parameter. */
async function expectSlopes(
  compiled: ForwardBackward,
  buffer: ParameterBuffer,
  microBatch: MicroBatch,
  gradients: Float32Array,
) {
  const random = randomFrom(seed);
  for (const { name } of buffer.parameters) {
    const { data } = buffer.value(name) as { data: Float32Array };
    const at = (data.byteOffset - buffer.values.byteOffset) / 4;
    const gradient = gradients.subarray(at, at + data.length);
    const noise = gradient.map(() => random() - 0.5);
    const [steep, any] = [norm(gradient) || 1, norm(noise)];
    const direction = gradient.map((g, i) => g / steep + (noise[i] as number) / any);
    const slope = gradient.reduce((sum, g, i) => sum + g * (direction[i] as number), 0);
    const start = data.slice();
    const lossAt = async (h: number) => {
      data.set(start.map((x, i) => x + h * (direction[i] as number)));
      return compiled.loss(microBatch);
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
    const trainable = traineeOf(model, mode);
    const buffer = startedStore(trainable);
    const task = tasks[taskName] as Task;
    const before = promptIds({ config: model.config, adaptation: trainable.adaptation });
    const microBatch = task.microBatch(textsOf(name), model, before);
    const whole = await wholeForwardBackward(model, trainable, buffer, task.loss);
    const wanted = await learned(whole, buffer, microBatch);
    expect(norm(wanted.gradients)).toBeGreaterThan(1e-3);
    for (const held of [true, false]) {
      const { loss, gradients } = await learned(
        await byLayerForwardBackward(model, trainable, buffer, task.loss, held),
        buffer,
        microBatch,
      );
      expect(Math.abs(loss - wanted.loss)).toBeLessThan(1e-5 * Math.max(1, wanted.loss));
      expect(distance(gradients, wanted.gradients)).toBeLessThan(2e-5 * norm(wanted.gradients));
    }
    await expectSlopes(whole, buffer, microBatch, wanted.gradients);
  });
});

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, x, i) => sum + x * (b[i] as number), 0) / (norm(a) * norm(b));

describe.each(['Q8_0', 'Q4_0', 'Q4_1'] as const)('weights in %s', (type) => {
  test.each(['lora', 'prompt', 'prefix'] as const)('gradients of %s point where those of floats do', async (mode) => {
    const file = `${temporaryFolder()}/packed.gguf`;
    await ggufOf('llama-gqa', type, file);
    const microBatch = async (precision: 'auto' | 'f32', plan: 'whole' | 'by-layer') => {
      const model = opened(file, { precision, threads: 1 });
      const trainable = traineeOf(model, mode);
      const buffer = startedStore(trainable);
      const before = promptIds({ config: model.config, adaptation: trainable.adaptation });
      const task = tasks.ce as Task;
      const compiled =
        plan === 'whole'
          ? await wholeForwardBackward(model, trainable, buffer, task.loss)
          : await byLayerForwardBackward(model, trainable, buffer, task.loss, false);
      // 8-bit activations are rounded otherwise where the graph is another
      return learned(compiled, buffer, task.microBatch(textsOf('llama-gqa'), model, before), 3);
    };
    const [float, packed, blocks] = [
      await microBatch('f32', 'whole'),
      await microBatch('auto', 'whole'),
      await microBatch('auto', 'by-layer'),
    ];
    expect(cosine(float.gradients, packed.gradients)).toBeGreaterThan(0.99);
    expect(norm(packed.gradients) / norm(float.gradients)).toBeCloseTo(1, 1);
    expect(distance(packed.gradients, float.gradients)).toBeGreaterThan(0); // they are packed indeed
    expect(distance(blocks.gradients, float.gradients)).toBeLessThan(2e-5 * norm(float.gradients));
  });
});
