import { type Provenance, writeAdapterFolder, writeModelFolder } from '../artifact/index.ts';
import { appendLine, type RunState, withRunState } from '../base/index.ts';
import { encodeStored, type PlainType } from '../checkpoint/index.ts';
import { type LoadedModel, promptIds } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { adamw } from './adamw.ts';
import type { ForwardBackward } from './forward-backward.ts';
import { keepingZeros } from './keep-zeros.ts';
import { trainingPlan } from './memory-estimate.ts';
import { type ParameterBuffer, parameterBuffer } from './parameters.ts';
import { openForwardBackward } from './plans.ts';
import {
  type OptionsWithDefaults,
  refuseConflicts,
  resolveOptions,
  settingsOf,
  type TrainOptions,
  withDefaults,
} from './resolved-options.ts';
import { startingAdapter } from './start.ts';
import { savedPlan, saveReached, startName, trainingPlace } from './state.ts';
import { heldOut, openTrainingTask } from './task.ts';
import { type Trained, train } from './train.ts';
import { trainableAdapter, trainableModel, trainedAdapter } from './trainable.ts';
import { contentOf } from './training-data.ts';

export interface TrainResult extends Trained {
  readonly path: string;
  /** How many numbers were trained. */
  readonly parameters: number;
  /** The loss on held-out data, where some was given. */
  readonly validBefore: number | undefined;
  readonly validAfter: number | undefined;
}

/**
 * Trains a model, or an adapter for it, and writes the result at `out`: a folder in the PEFT layout, or for full
 * training one in the Hugging Face layout.
 * @throws CriaError when options, data and model do not fit together, or the loss stops being a number.
 */
export async function trainModel(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  given: TrainOptions,
  provenance: Provenance,
  signal?: AbortSignal,
): Promise<TrainResult> {
  const asked = withDefaults(given);
  refuseConflicts(model, out, asked);
  const settings = settingsOf(model, asked, await contentOf(asked.data, provenance));
  return withRunState(trainingPlace(out), settings, { ...asked, signal }, async (state) => {
    if (asked.log !== undefined) appendLine(asked.log, '');
    const init = typeof asked.init === 'function' ? state.path(startName) : asked.init;
    if (typeof asked.init === 'function') await asked.init(state.path(startName), asked.resume);
    return teach(model, tokenizer, out, asked, init, state, provenance, signal);
  });
}

/** Training whose start is there. */
async function teach(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  asked: OptionsWithDefaults,
  init: string | undefined,
  state: RunState,
  provenance: Provenance,
  signal: AbortSignal | undefined,
): Promise<TrainResult> {
  const adapter = asked.mode === 'full' ? undefined : startingAdapter(model, asked, init);
  const trainable = adapter ? trainableAdapter(model, adapter, init ?? model.path) : trainableModel(model);
  const before = promptIds({ config: model.config, adaptation: trainable.adaptation });
  const options = resolveOptions(model, asked, init, before.length + trainable.adaptation.prefixTokens);
  const task = await openTrainingTask(model, tokenizer, options, before, adapter, signal);
  const valid = await heldOut(model, tokenizer, options, before, signal);
  const buffer = parameterBuffer(trainable.parameters);
  trainable.start(buffer);
  const plan = savedPlan(state) ?? trainingPlan(model, trainable, options, task.bytes);
  const steps = options.steps ?? Math.ceil(task.examples / options.batch);
  let compiled: ForwardBackward | undefined;
  try {
    const sampler = await task.sampler(steps, state); // before compiling: a teacher may be gone by then
    const program = await openForwardBackward(model, trainable, buffer, task.loss, plan);
    compiled = options.keepZeros ? keepingZeros(program, buffer) : program;
    const optimizer = adamw(buffer, [options.adamBeta1, options.adamBeta2]);
    const validBefore = await valid?.(compiled);
    const trained = await train({
      buffer,
      compiled,
      optimizer,
      sampler,
      training: { ...options, steps },
      state,
      plan,
      log: options.log,
      progress: model.progress,
      signal,
    });
    try {
      const validAfter = await valid?.(compiled);
      if (adapter)
        await writeAdapterFolder(out, trainedAdapter(adapter, buffer, model.config), provenance, options.force);
      else await writeTrained(out, model, tokenizer, buffer, provenance, options.force);
      return { ...trained, path: out, parameters: buffer.size, validBefore, validAfter };
    } catch (error) {
      const reached = { step: steps, loss: trained.loss };
      await saveReached(state, reached, buffer, plan).catch(() => undefined); // what went wrong first is told
      throw error;
    }
  } finally {
    await Promise.all([compiled?.dispose(), task.close()]);
  }
}

/** The trained weights in the type that the model's file has, float32 where that is no float type. */
async function writeTrained(
  out: string,
  { checkpoint }: LoadedModel,
  tokenizer: Tokenizer,
  buffer: ParameterBuffer,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  const stored = [...checkpoint.tensors.values()].find(({ shape }) => shape.length > 1)?.type;
  const type = stored === 'F16' || stored === 'BF16' ? stored : 'F32';
  const tensors = buffer.parameters.map(({ name, shape }) => ({
    name,
    shape,
    type: type as PlainType,
    bytes: () => encodeStored(type, (buffer.value(name) as { data: Float32Array }).data, name),
  }));
  const { config, generation } = checkpoint;
  await writeModelFolder(out, { config, generation, tensors, type, tokenizer, provenance }, force);
}
