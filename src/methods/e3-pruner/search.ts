import { CriaError, throwIfAborted, type Watch } from '../../base/index.ts';
import { adamw, parameterBuffer } from '../../train/index.ts';
import { gumbelNoise, topK } from './gumbel.ts';
import { type Relaxation, relaxed } from './relaxation.ts';
import { droppedAt, temperatureAt } from './schedule.ts';

/** The loss of a network under gates, one a layer, and its derivative by each gate. */
export type MaskObjective = (
  gates: Float64Array,
  step: number,
) => Promise<{ readonly loss: number; readonly gradient: ArrayLike<number> }>;

export interface SearchOptions {
  readonly steps: number;
  /** Layers that are dropped in the end. */
  readonly drop: number;
  /** Gumbel samples a step, whose gradients are averaged. */
  readonly samples: number;
  readonly relaxation: Relaxation;
  /** The temperature at the start and at the end. */
  readonly temperature: readonly [number, number];
  /** The part of the steps in which the number of dropped layers rises. */
  readonly curriculum: number;
  readonly rate: number;
  readonly betas: readonly [number, number];
  readonly seed: number;
}

export const searchDefaults = {
  temperature: [1, 0.1],
  curriculum: 0.5,
  rate: 0.05,
  betas: [0.9, 0.99],
} as const satisfies Partial<SearchOptions>;

/** A search after some steps: it goes on from here to the same end. */
export interface SearchState {
  readonly step: number;
  /** How often the logits were changed. */
  readonly updates: number;
  /** By layer that may be dropped: larger is kept. In float32. */
  readonly logits: readonly number[];
  /** Adam's moments. */
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly history: readonly SearchStep[];
}

export interface SearchStep {
  readonly dropped: number;
  readonly temperature: number;
  /** The mean over samples; undefined in steps in which nothing is dropped yet. */
  readonly loss: number | undefined;
  readonly logits: readonly number[];
}

export const beginSearch = (logits: readonly number[]): SearchState => {
  const zeros = logits.map(() => 0);
  return { step: 0, updates: 0, logits: logits.map(Math.fround), first: zeros, second: zeros, history: [] };
};

/**
 * Learns which layers to drop: a hard mask of Gumbel noise on the logits runs forward, and the derivative of the
 * relaxation stands in for the mask's on the way back. `free` are the layers that may be dropped; the others are kept.
 * (E3-Pruner, arXiv 2511.17205; straight-through as in Bengio et al. 2013)
 * @throws CriaError when a loss is not a finite number.
 */
export async function searchMask(
  objective: MaskObjective,
  free: readonly number[],
  layers: number,
  options: SearchOptions,
  begun: SearchState,
  { progress, signal, keep }: Watch & { readonly keep?: (state: SearchState) => Promise<void> } = {},
): Promise<SearchState> {
  const { steps, drop, samples, seed, rate } = options;
  const buffer = parameterBuffer([{ name: 'logits', shape: [free.length], decays: false }]);
  const { values, gradients, first, second } = buffer.vectors.arrays;
  values.set(begun.logits);
  first.set(begun.first);
  second.set(begun.second);
  const optimizer = adamw(buffer, options.betas);
  const own = (array: Float32Array) => [...array.subarray(0, free.length)];
  let state = begun;
  while (state.step < steps) {
    throwIfAborted(signal);
    const { step } = state;
    const temperature = temperatureAt(step + 1, steps, options.temperature);
    const dropped = droppedAt(step + 1, steps, drop, options.curriculum);
    let loss: number | undefined;
    if (dropped > 0) {
      loss = 0;
      gradients.fill(0);
      for (let sample = 0; sample < samples; sample++) {
        const noise = gumbelNoise(free.length, seed, step, sample);
        const scores = noise.map((each, i) => each + (values[i] as number));
        const kept = free.length - dropped;
        const result = await objective(spread(topK(scores, kept), free, layers), step);
        if (!Number.isFinite(result.loss)) throw notFinite(result.loss, step);
        const ofMask = Float64Array.from(free, (layer) => result.gradient[layer] as number);
        const ofScores = relaxed(options.relaxation, scores, kept, temperature).vjp(ofMask);
        for (const [i, each] of ofScores.entries()) gradients[i] = (gradients[i] as number) + each / samples;
        loss += result.loss / samples;
      }
      optimizer.update({ count: state.updates + 1, rate, weightDecay: 0, scale: 1 });
      const mean = own(values).reduce((sum, x) => sum + x, 0) / free.length;
      for (let i = 0; i < free.length; i++) values[i] = (values[i] as number) - mean; // no relaxation sees a shift
    }
    const logits = own(values);
    state = {
      step: step + 1,
      updates: state.updates + (dropped > 0 ? 1 : 0),
      logits,
      first: own(first),
      second: own(second),
      history: [...state.history, { dropped, temperature, loss, logits }],
    };
    progress?.step('search', state.step, steps, 'steps', loss === undefined ? '' : `loss ${loss.toFixed(3)}`);
    await keep?.(state);
  }
  return state;
}

/** The layers that logits keep when so many of the free ones are dropped, ascending. */
export function keptBy(logits: readonly number[], free: readonly number[], layers: number, drop: number): number[] {
  const mask = spread(topK(logits, free.length - drop), free, layers);
  return [...mask.keys()].filter((layer) => mask[layer] === 1);
}

/** A mask of the free layers as one of all layers: the others are 1. */
function spread(mask: Float64Array, free: readonly number[], layers: number): Float64Array {
  const all = new Float64Array(layers).fill(1);
  for (const [i, layer] of free.entries()) all[layer] = mask[i] as number;
  return all;
}

const notFinite = (loss: number, step: number) =>
  new CriaError(`the search loss is ${loss} in step ${step + 1}`, {
    remedy: 'look at the data and the model with cria perplexity',
    kind: 'failure',
  });
