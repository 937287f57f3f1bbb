import { throwIfAborted } from '../../base/index.ts';
import type { Codes } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import { type BlockSweep, blockInputs, type LinearName, type LoadedModel, linearShapes } from '../../model/index.ts';
import {
  type AwqClip,
  type AwqOptions,
  type InputStatistics,
  type OutputErrors,
  overInputs,
  type Quantized,
  type Quantizer,
  relativeError,
  roundAwq,
  scaledAndBack,
  searchAwqScales,
  type WeightMatrix,
} from '../schemes/index.ts';
import { type Folds, foldedMap, foldedVectors, producers } from './awq-fold.ts';
import { statisticsOf, weightName } from './calibration.ts';
import type { Target } from './plan.ts';
import { resultOf, type TensorResult } from './result.ts';
import type { FinishedPart } from './spool.ts';

/** A block that AWQ quantizes, and what it needs for it. */
export interface AwqBlock {
  readonly model: LoadedModel;
  readonly layer: number;
  readonly targets: readonly Target[];
  /** In front of the block: all texts, for the statistics; some of them, for the search of scales. */
  readonly sweep: BlockSweep;
  readonly search: BlockSweep;
  readonly errors: OutputErrors;
  readonly clip: AwqClip;
  /** Quantizes a matrix of another scheme. */
  other(matrix: WeightMatrix, target: Target, inputs: InputStatistics): Promise<Quantized>;
  readonly signal: AbortSignal | undefined;
}

/** The activation whose error decides the scales of the maps that read an activation; undefined for the map's own output. */
const inspected: Readonly<Record<string, string | undefined>> = {
  'attention.input': 'attention.output',
  'mlp.input': 'mlp.output',
};

/**
 * Quantizes a block by AWQ: searches the scales of the inputs of each group of maps, folds them into the weights and
 * what stands before (a norm, or the rows of another map), clips groups where that errs less (not of query and key), and
 * rounds. The output projection is scaled only where every head has its own values. (Lin et al. 2023; llm-awq)
 */
export async function quantizeAwqBlock(block: AwqBlock): Promise<FinishedPart> {
  const { model, layer, targets, sweep, errors, clip, signal } = block;
  const shapes = linearShapes(model.config);
  const groups = blockInputs(model.config);
  const paths = new Map(groups.map(({ path, size }) => [path, size]));
  const statistics = await statisticsOf(sweep, paths, {}, signal);
  const originals = new Map<LinearName, WeightMatrix>();
  for (const map of groups.flatMap(({ linears }) => linears)) {
    const [out, inner] = shapes[map];
    originals.set(map, { out, inner, data: model.checkpoint.readFloat32(weightName(layer, map)) });
  }
  const targetOf = (map: LinearName) => targets.find(({ name }) => name === weightName(layer, map));
  const folds = await searchFolds(block, originals, statistics, targetOf);

  const replaced = new Map<string, Codes | Float32Array>(foldedVectors(model, layer, folds));
  const results: TensorResult[] = [];
  for (const { path, linears } of groups) {
    const columns = folds.get(path);
    const inputs = statistics.get(path) as InputStatistics;
    const scaledInputs = columns ? overInputs(inputs, columns) : inputs;
    for (const map of linears) {
      throwIfAborted(signal);
      const target = targetOf(map);
      if (!target) continue;
      const original = originals.get(map) as WeightMatrix;
      const { matrix, unfold } = foldedMap(original, map, path, folds);
      const { quantizer } = target;
      const clipped =
        quantizer.scheme === 'awq' && !unclipped.has(map)
          ? await clip.clip(matrix, scaledInputs, quantizer, signal)
          : matrix;
      const made =
        quantizer.scheme === 'awq' ? roundAwq(clipped, quantizer) : await block.other(matrix, target, scaledInputs);
      replaced.set(target.name, made.codes);
      const values = unfold(made.values);
      const relative = relativeError(original.data, values);
      const outputError = await errors.relative(original, values, inputs);
      results.push({ ...resultOf(target, matrix, made), relativeError: relative, outputError });
    }
  }
  return { replaced, results };
}

const unclipped: ReadonlySet<LinearName> = new Set(['self_attn.q_proj', 'self_attn.k_proj']);

/** Maps with the values that they would be rounded to. */
type RoundedMaps = readonly (readonly [LinearName, Float32Array])[];

/** The scales with which the inputs at each path err least. */
async function searchFolds(
  block: AwqBlock,
  originals: ReadonlyMap<LinearName, WeightMatrix>,
  statistics: ReadonlyMap<string, InputStatistics>,
  targetOf: (map: LinearName) => Target | undefined,
): Promise<Folds> {
  const folds = new Map<string, Float32Array>();
  for (const { path, linears: maps } of blockInputs(block.model.config)) {
    const producer = producers[path];
    const all = producer ? [...maps, producer] : maps;
    if (!all.every((map) => targetOf(map)?.quantizer.scheme === 'awq')) continue; // what is kept is not folded into
    const [first] = maps as readonly [LinearName];
    const matrix = originals.get(first) as WeightMatrix;
    if (producer && (originals.get(producer) as WeightMatrix).out !== matrix.inner) continue; // grouped-query attention
    const options = (targetOf(first) as Target).quantizer as AwqOptions & Quantizer;
    const inputs = statistics.get(path) as InputStatistics;
    const output = inspected[path];
    const places = maps.map((map) => new Float32Array((originals.get(map) as WeightMatrix).data.length));
    const rounded = (scales: Float32Array): RoundedMaps =>
      maps.map(
        (map, i) => [map, scaledAndBack(originals.get(map) as WeightMatrix, scales, options, places[i])] as const,
      );
    const loss = output
      ? await moduleLoss(block, output, originals)
      : (made: RoundedMaps) => block.errors.relative(matrix, made[0]?.[1] as Float32Array, inputs);
    const { scales } = await searchAwqScales(inputs, (each) => loss(rounded(each)), block.signal);
    folds.set(path, scales);
  }
  return folds;
}

/** The mean squared change of an activation of the block when some of its maps have other weights. */
async function moduleLoss(
  { search, signal }: AwqBlock,
  path: string,
  originals: ReadonlyMap<LinearName, WeightMatrix>,
): Promise<(maps: RoundedMaps) => Promise<number>> {
  const before: Float32Array[] = [];
  await search.run({
    paths: [path],
    signal,
    show: (batch, shown) => {
      before[batch] = activation(shown, path).slice();
    },
  });
  return async (maps) => {
    const weights = Object.fromEntries(
      maps.map(([map, data]): [string, Value] => {
        const { out, inner } = originals.get(map) as WeightMatrix;
        return [`${map}.weight`, value('f32', [out, inner], data)];
      }),
    );
    let [total, count] = [0, 0];
    const show = (batch: number, shown: Readonly<Record<string, Value<'f32'>>>) => {
      const [was, is] = [before[batch] as Float32Array, activation(shown, path)];
      for (let i = 0; i < is.length; i++) total += ((is[i] as number) - (was[i] as number)) ** 2;
      count += is.length;
    };
    await search.run({ weights, paths: [path], signal, show });
    return total / count;
  };
}

const activation = (shown: Readonly<Record<string, Value<'f32'>>>, path: string) => (shown[path] as Value<'f32'>).data;
