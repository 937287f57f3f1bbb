import { CriaError, type Watch } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import {
  type BlockSweep,
  columnAbsSums,
  emptyTotal,
  type LinearName,
  type LoadedModel,
  layerPrefix,
  openBlockSweep,
  secondMoment,
  type Texts,
} from '../../model/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';
import { textWindows } from '../../train/index.ts';
import type { InputStatistics } from '../schemes/index.ts';
import type { QuantizeOptions } from './options.ts';

/**
 * The windows of the calibration text, or undefined where none is given.
 * @throws CriaError when there is not one full window, or it is longer than the model's context.
 */
export async function calibrationTexts(
  { checkpoint, config, progress }: LoadedModel,
  { calibration, samples, sequence }: QuantizeOptions,
  { signal }: Watch,
): Promise<Texts | undefined> {
  if (calibration === undefined) return undefined;
  const length = sequence ?? Math.min(2048, config.context);
  if (length > config.context) {
    const remedy = `use at most ${config.context}`;
    throw new CriaError(`windows of ${length} tokens do not fit the model's ${config.context} positions`, {
      where: '--sequence',
      remedy,
    });
  }
  const tokenizer = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
  return textWindows(calibration, tokenizer, { samples, sequence: length }, progress, signal);
}

/**
 * Opens a sweep over texts whose batches hold about as many tokens as keep every core busy. Hidden states of more than
 * `mostHiddenBytes` lie in `file`, where one is given.
 */
export function sweepOver(model: LoadedModel, texts: Texts, file?: string): BlockSweep {
  const longest = Math.max(...texts.map((ids) => ids.length));
  const bytes = texts.reduce((sum, ids) => sum + ids.length, 0) * model.config.hiddenSize * 4;
  const batch = Math.max(1, Math.floor(tokensAtOnce / longest));
  return openBlockSweep(model, texts, { batch, ...(file !== undefined && bytes > mostHiddenBytes && { file }) });
}

export const tokensAtOnce = 2048;
export const mostHiddenBytes = 2 ** 30;

/** The first texts, of at least 2,048 tokens together: AWQ looks for its scales on them. */
export function searchTexts(texts: Texts): Texts {
  const chosen: Texts[number][] = [];
  let tokens = 0;
  for (const ids of texts) {
    if (tokens >= searchTokens) break;
    chosen.push(ids);
    tokens += ids.length;
  }
  return chosen;
}

const searchTokens = 2048;

/** Runs a block over all texts and accumulates the statistics of some of its activations, by their paths. */
export async function statisticsOf(
  sweep: BlockSweep,
  paths: ReadonlyMap<string, number>,
  weights: Readonly<Record<string, Value>>,
  signal: AbortSignal | undefined,
): Promise<Map<string, InputStatistics>> {
  const totals = [...paths].map(([path, size]) => ({
    path,
    moment: emptyTotal(path, secondMoment(), size),
    absolute: emptyTotal(path, columnAbsSums, size),
  }));
  await sweep.run({ weights, totals: totals.flatMap(({ moment, absolute }) => [moment, absolute]), signal });
  return new Map(
    totals.map(({ path, moment, absolute }) => [
      path,
      {
        tokens: sweep.positions,
        secondMoment: moment.value.data as Float32Array,
        absolute: Float32Array.from(absolute.value.data as unknown as Float64Array),
      },
    ]),
  );
}

export const weightName = (layer: number, map: LinearName): string => `${layerPrefix(layer)}${map}.weight`;
