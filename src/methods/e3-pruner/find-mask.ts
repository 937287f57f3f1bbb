import { type RunState, throwIfAborted, type Watch } from '../../base/index.ts';
import type { Predicted } from '../../evaluate/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { cachedDistillation, cachedDistillationSampler, crossEntropy, predictionSampler } from '../../train/index.ts';
import { type Data, teacherOf } from './data.ts';
import type { LayerEffects } from './layer-effects.ts';
import { openMaskedModel } from './masked.ts';
import { masksOf } from './masks.ts';
import type { E3Options } from './options.ts';
import type { CurvePoint, RankedMask } from './result.ts';
import { initialLogits } from './schedule.ts';
import { beginSearch, keptBy, type SearchState, searchDefaults, searchMask } from './search.ts';
import type { Target } from './target.ts';

export interface FoundMask {
  readonly kept: readonly number[];
  /** By layer, in nats. */
  readonly importance: readonly number[];
  readonly search: SearchState;
}

const saveEvery = 5; // steps

/** The mask of a search that begins with the importance of single layers. */
export async function findMask(
  model: LoadedModel,
  effects: () => Promise<LayerEffects>,
  { layers, free, drop }: Target,
  data: Data,
  options: E3Options,
  state: RunState,
  watch: Watch,
): Promise<FoundMask> {
  const importance = await state.once('importance.json', async () =>
    (await effects()).importance(data.calibration, watch),
  );
  const initial = beginSearch(initialLogits(free.map((layer) => importance[layer] as number)));
  let search = state.read<SearchState>('search.json') ?? initial;
  if (search.step < options.searchSteps) {
    const masked = await openSearched(model, data, options, watch);
    try {
      const how = { ...searchDefaults, ...options, steps: options.searchSteps, drop };
      const keep = async (reached: SearchState) => {
        if (reached.step % saveEvery === 0) await state.write('search.json', reached);
      };
      search = await searchMask(masked.objective, free, layers, how, search, { ...watch, keep });
      await state.write('search.json', search);
    } finally {
      await masked.close();
    }
  }
  return { kept: keptBy(search.logits, free, layers, drop), importance, search };
}

/** The model with gates, for the loss and the batches of the search. */
async function openSearched(model: LoadedModel, data: Data, options: E3Options, watch: Watch) {
  const { batch } = data;
  const batching = { size: batch, atOnce: batch, shuffle: false, seed: 0, before: [] };
  const size = { batch, sequence: options.sequence };
  if (options.searchLoss === 'ce') {
    return openMaskedModel(model, crossEntropy, predictionSampler(data.search, batching), size);
  }
  const cache = await teacherOf(model, data.search, watch);
  const sampler = cachedDistillationSampler(data.search, batching, cache, options.beta);
  return openMaskedModel(model, cachedDistillation({ temperature: 1, tail: 'bucket', share: 1 }), sampler, size);
}

const curveTokens = 1024;
const textsAtOnce = 4;

/** The mean loss of masks, each the layers that it keeps, on texts, in nats: one graph for all of them. */
async function lossesOf(
  model: LoadedModel,
  masks: readonly (readonly number[])[],
  windows: readonly Predicted[],
  label: string,
  watch: Watch,
): Promise<number[]> {
  const longest = Math.max(...windows.map(({ ids }) => ids.length));
  const texts = windows.map(({ ids, from }) => ({ ids, lossMask: ids.map((_, i) => i >= from) }));
  const batching = { size: texts.length, atOnce: textsAtOnce, shuffle: false, seed: 0, before: [] };
  const sampler = predictionSampler(texts, batching);
  const masked = await openMaskedModel(model, crossEntropy, sampler, { batch: textsAtOnce, sequence: longest });
  try {
    const losses: number[] = [];
    for (const kept of masks) {
      throwIfAborted(watch.signal);
      const gates = Array.from({ length: model.config.layers }, (_, layer) => Number(kept.includes(layer)));
      losses.push(await masked.loss(gates, 0));
      watch.progress?.step(label, losses.length, masks.length, 'masks');
    }
    return losses;
  } finally {
    await masked.close();
  }
}

/** The loss of every number of dropped layers by the logits of one search, on the first test windows. */
export async function qualityByDepth(
  model: LoadedModel,
  { layers, free }: Target,
  { logits }: SearchState,
  { windows }: Data,
  watch: Watch,
): Promise<CurvePoint[]> {
  const most = Math.min(free.length, layers - 1);
  const masks = Array.from({ length: most + 1 }, (_, dropped) => keptBy(logits, free, layers, dropped));
  const some = windows.slice(0, Math.ceil(curveTokens / Math.max(...windows.map(({ ids }) => ids.length))));
  const losses = await lossesOf(model, masks, some, 'depths', watch);
  return masks.map((kept, dropped) => ({ dropped, kept, loss: losses[dropped] as number }));
}

/** Every mask of as many layers with its loss on the test windows, the best first. */
export async function everyMask(
  model: LoadedModel,
  target: Target,
  { windows }: Data,
  watch: Watch,
): Promise<RankedMask[]> {
  const masks = masksOf(target);
  const losses = await lossesOf(model, masks, windows, 'every mask', watch);
  return masks.map((kept, i) => ({ kept, loss: losses[i] as number })).sort((a, b) => a.loss - b.loss);
}
