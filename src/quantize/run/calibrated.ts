import { throwIfAborted, type Watch } from '../../base/index.ts';
import { type Codes, valuesOf } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import { blockInputs, type LoadedModel, layerPrefix, type Texts } from '../../model/index.ts';
import {
  type InputStatistics,
  openAwqClip,
  openGptq,
  openOutputErrors,
  type Quantized,
  quantize,
  type WeightMatrix,
} from '../schemes/index.ts';
import { quantizeAwqBlock } from './awq-block.ts';
import { searchTexts, statisticsOf, sweepOver, weightName } from './calibration.ts';
import type { Importance } from './importance.ts';
import type { Target } from './plan.ts';
import { resultOf, type TensorResult } from './result.ts';
import type { FinishedPart, Spool } from './spool.ts';

/**
 * Quantizes block after block on calibration texts: each block sees what the quantized blocks before it give, and within
 * a block the inputs of each group of maps (query, key and value; output; gate and up; down) are those that the
 * quantized groups before it give. Finished blocks are taken from the spool. Hidden states that are too many for memory lie
 * in `file`.
 */
export async function quantizeCalibrated(
  model: LoadedModel,
  texts: Texts,
  parts: ReadonlyMap<string, readonly Target[]>,
  spool: Spool,
  importance: Importance,
  file: string,
  { signal }: Watch,
): Promise<TensorResult[]> {
  const { config, progress, threads } = model;
  const isAwq = [...parts.values()].flat().some(({ quantizer }) => quantizer.scheme === 'awq');
  const sweep = sweepOver(model, texts, file);
  const search = isAwq ? sweepOver(model, searchTexts(texts)) : undefined;
  const turns = { threads, takesTurns: true };
  const [gptq, errors] = await Promise.all([openGptq(turns), openOutputErrors(turns)]);
  const clip = isAwq ? await openAwqClip(turns) : undefined;
  const results: TensorResult[] = [];
  try {
    for (let layer = 0; layer < config.layers; layer++) {
      throwIfAborted(signal);
      progress.step('quantizing', layer, config.layers, 'blocks');
      const part = partOf(layer);
      const targets = parts.get(part) ?? [];
      const known = spool.resultsOf(part);
      const own: FinishedPart = known
        ? { results: known, replaced: spool.readPart(part) }
        : search && clip
          ? await quantizeAwqBlock({ model, layer, targets, sweep, search, errors, clip, other, signal })
          : await quantizeBlock(layer, targets);
      if (!known) await spool.save(part, own);
      results.push(...own.results);
      const weights = blockWeights(layer, own.replaced);
      await sweep.advance({ weights, signal });
      await search?.advance({ weights, signal });
    }
    progress.step('quantizing', config.layers, config.layers, 'blocks');
    return results;
  } finally {
    await Promise.all([sweep, search, gptq, errors, clip].map((each) => each?.dispose()));
  }

  async function other(matrix: WeightMatrix, { name, quantizer }: Target, inputs: InputStatistics): Promise<Quantized> {
    if (quantizer.scheme === 'gptq') return gptq.quantize(matrix, inputs, quantizer, signal);
    if (quantizer.scheme === 'awq') throw new Error('AWQ quantizes whole blocks');
    return quantize(matrix, quantizer, importance.get(name) ?? meanSquares(inputs));
  }

  async function quantizeBlock(layer: number, targets: readonly Target[]): Promise<FinishedPart> {
    const replaced = new Map<string, Codes>();
    const own: TensorResult[] = [];
    const weights: Record<string, Value> = {};
    for (const { path, size: inner, linears } of blockInputs(config)) {
      const members = linears.flatMap((map) => targets.find(({ name }) => name === weightName(layer, map)) ?? []);
      if (members.length === 0) continue;
      const statistics = await statisticsOf(sweep, new Map([[path, inner]]), weights, signal);
      const inputs = statistics.get(path) as InputStatistics;
      for (const target of members) {
        throwIfAborted(signal);
        const { name, out } = target;
        const matrix: WeightMatrix = { out, inner, data: model.checkpoint.readFloat32(name) };
        const made = await other(matrix, target, inputs);
        replaced.set(name, made.codes);
        weights[inBlock(layer, name)] = value('f32', [out, inner], made.values);
        const outputError = await errors.relative(matrix, made.values, inputs);
        own.push({ ...resultOf(target, matrix, made), outputError });
      }
    }
    return { replaced, results: own };
  }
}

/** The mean square of each input. */
function meanSquares({ tokens, secondMoment, absolute }: InputStatistics): Float32Array {
  const inner = absolute.length;
  return Float32Array.from({ length: inner }, (_, i) => (secondMoment[i * (inner + 1)] as number) / tokens);
}

export const partOf = (layer: number | undefined): string => (layer === undefined ? 'ends' : `block-${layer}`);

/** The name of a weight within its block. */
const inBlock = (layer: number, name: string): string => name.slice(layerPrefix(layer).length);

/** Replaced weights by their names within the block. */
function blockWeights(layer: number, replaced: FinishedPart['replaced']): Record<string, Value> {
  return Object.fromEntries(
    [...replaced].map(([name, held]) => {
      const isVector = held instanceof Float32Array;
      const shape = isVector ? [held.length] : [held.out, held.inner];
      return [inBlock(layer, name), value('f32', shape, isVector ? held : valuesOf(held))];
    }),
  );
}
