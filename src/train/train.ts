import { appendLine, CriaError, type Progress, type RunState, throwIfAborted } from '../base/index.ts';
import type { Optimizer } from './adamw.ts';
import type { BatchSampler } from './batch-sampler.ts';
import type { ForwardBackward } from './forward-backward.ts';
import type { TrainingPlan } from './memory-estimate.ts';
import type { ParameterBuffer } from './parameters.ts';
import { rateFactor, type Schedule } from './schedule.ts';
import { restoreReached, saveReached } from './state.ts';

export interface Training {
  readonly steps: number;
  readonly lr: number;
  readonly schedule: Schedule;
  /** Steps in which the rate rises. */
  readonly warmup: number;
  readonly weightDecay: number;
  /** The largest norm of all gradients together; 0 does not clip. */
  readonly clip: number;
  /** Steps between two saved states; with 0 a state is saved when the run is interrupted only. */
  readonly saveEvery: number;
}

export interface Run {
  readonly buffer: ParameterBuffer;
  readonly compiled: ForwardBackward;
  readonly optimizer: Optimizer;
  readonly sampler: BatchSampler;
  readonly training: Training;
  /** Where the run keeps how far it is, and goes on from there. */
  readonly state: RunState;
  readonly plan: TrainingPlan;
  /** A file to which a line of JSON is appended for every step. */
  readonly log: string | undefined;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export interface Trained {
  readonly steps: number;
  /** The loss of the last step. */
  readonly loss: number;
  /** Tokens read in this run of the command, padding not counted. */
  readonly tokens: number;
  readonly seconds: number;
}

/**
 * Trains to the last step. Interrupted, it saves its state first; the same run resumed gives the same bytes.
 * @throws CriaError when the loss is no longer a finite number: the last saved state stays, and the step is named.
 */
export async function train(run: Run): Promise<Trained> {
  const { buffer, training, state, plan, progress, signal } = run;
  const { steps, saveEvery } = training;
  let { step, loss } = restoreReached(state, buffer);
  if (step > 0) progress.note(`Resuming after step ${step}.`);
  const begun = performance.now();
  let tokens = 0;
  let saved = step;
  const save = async () => {
    if (saved !== step) await saveReached(state, { step, loss }, buffer, plan);
    saved = step;
  };
  progress.step('training', step, steps, 'steps');
  while (step < steps) {
    if (signal?.aborted) await save();
    throwIfAborted(signal);
    const before = performance.now();
    const taken = await takeStep(run, step);
    const seconds = (performance.now() - before) / 1000;
    loss = taken.loss;
    tokens += taken.tokens;
    step++;
    if (run.log) {
      const line = { step, ...taken, tokensPerSecond: Math.round((taken.tokens / seconds) * 10) / 10 };
      appendLine(run.log, `${JSON.stringify(line)}\n`);
    }
    progress.step('training', step, steps, 'steps', `loss ${loss.toFixed(3)}`);
    if (saveEvery > 0 && step % saveEvery === 0 && step < steps) await save();
  }
  return { steps, loss, tokens, seconds: (performance.now() - begun) / 1000 };
}

interface Taken {
  readonly loss: number;
  readonly gradNorm: number;
  readonly rate: number;
  readonly tokens: number;
}

async function takeStep({ compiled, optimizer, sampler, training }: Run, step: number): Promise<Taken> {
  let [loss, tokens] = [0, 0];
  for await (const microBatch of sampler.microBatches(step)) {
    loss += await compiled.forwardBackward(microBatch);
    tokens += microBatch.texts.reduce((count, ids) => count + ids.length, 0);
    if (sampler.microBatchesPerStep > 1) optimizer.accumulate();
  }
  if (!Number.isFinite(loss)) throw notFinite(`the loss is ${loss}`, step, sampler);
  const rate = training.lr * rateFactor(training.schedule, step, training.steps, training.warmup);
  const { weightDecay, clip } = training;
  const gradNorm = optimizer.norm();
  if (!Number.isFinite(gradNorm)) throw notFinite(`the gradient norm is ${gradNorm}`, step, sampler);
  optimizer.update({ count: step + 1, rate, weightDecay, scale: clip ? clipped(gradNorm, clip) : 1 });
  return { loss, gradNorm, rate, tokens };
}

/** What gradients are multiplied by so that their norm is at most `clip`, as PyTorch's clip_grad_norm_ has it. */
const clipped = (norm: number, clip: number): number => (norm > clip ? clip / (norm + 1e-6) : 1);

function notFinite(what: string, step: number, sampler: BatchSampler): CriaError {
  return new CriaError(`${what} in step ${step + 1}, of ${sampler.describe(step)}`, {
    remedy: 'start again with a smaller --lr or with --clip 1',
    kind: 'failure',
  });
}
