import { throwIfAborted } from '../../base/index.ts';
import type { Codes } from '../../checkpoint/index.ts';
import { type Value, value } from '../../engine/index.ts';
import { type BlockSweep, type LinearName, type LoadedModel, layerPrefix, linearShapes } from '../../model/index.ts';
import {
  type AwqClip,
  type AwqOptions,
  awqExponents,
  awqScales,
  type InputStatistics,
  type OutputErrors,
  overInputs,
  overRows,
  type Quantized,
  type Quantizer,
  relativeError,
  roundAwq,
  scaledAndBack,
  timesColumns,
  type WeightMatrix,
} from '../schemes/index.ts';
import { inputGroups, statisticsOf, weightName } from './calibration.ts';
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

/** The map whose rows take the inverse of the scales of a map's inputs. */
const producers: Readonly<Record<string, LinearName | undefined>> = {
  'attention.heads': 'self_attn.v_proj',
  'mlp.hidden': 'mlp.up_proj',
};

/**
 * Quantizes a block by AWQ: searches the scales of the inputs of each group of maps, folds them into the weights and
 * what stands before (a norm, or the rows of another map), clips groups where that errs less (not of query and key), and
 * rounds. The output projection is scaled only where every head has its own values. (Lin et al. 2023; llm-awq)
 */
export async function quantizeAwqBlock(block: AwqBlock): Promise<FinishedPart> {
  const { model, layer, targets, sweep, errors, clip, signal } = block;
  const shapes = linearShapes(model.config);
  const paths = new Map(inputGroups.map(({ path, maps }) => [path, shapes[maps[0] as LinearName][1]]));
  const statistics = await statisticsOf(sweep, paths, {}, signal);
  const originals = new Map<LinearName, WeightMatrix>();
  for (const map of inputGroups.flatMap(({ maps }) => maps)) {
    const [out, inner] = shapes[map];
    originals.set(map, { out, inner, data: model.checkpoint.readFloat32(weightName(layer, map)) });
  }
  const targetOf = (map: LinearName) => targets.find(({ name }) => name === weightName(layer, map));
  const folds = await searchFolds(block, originals, statistics, targetOf);

  const replaced = new Map<string, Codes | Float32Array>(foldedVectors(block, folds));
  const results: TensorResult[] = [];
  for (const { path, maps } of inputGroups) {
    const columns = folds.get(path);
    const inputs = statistics.get(path) as InputStatistics;
    const scaledInputs = columns ? overInputs(inputs, columns) : inputs;
    for (const map of maps) {
      throwIfAborted(signal);
      const target = targetOf(map);
      if (!target) continue;
      const original = originals.get(map) as WeightMatrix;
      const rows = rowFold(map, folds);
      const wide = columns ? timesColumns(original, columns) : original;
      const folded = rows ? overRows(wide, rows) : wide;
      const { quantizer } = target;
      const clipped =
        quantizer.scheme === 'awq' && !unclipped.has(map)
          ? await clip.clip(folded, scaledInputs, quantizer, signal)
          : folded;
      const made =
        quantizer.scheme === 'awq' ? roundAwq(clipped, quantizer) : await block.other(folded, target, scaledInputs);
      replaced.set(target.name, made.codes);
      const values = unfolded(made.values, original, columns, rows);
      const relative = relativeError(original.data, values);
      const outputError = await errors.relative(original, values, inputs);
      results.push({ ...resultOf(target, folded, made), relativeError: relative, outputError });
    }
  }
  return { replaced, results };
}

const unclipped: ReadonlySet<LinearName> = new Set(['self_attn.q_proj', 'self_attn.k_proj']);

/** Maps with the values that they would be rounded to. */
type RoundedMaps = readonly (readonly [LinearName, Float32Array])[];

/** The scales of the inputs at each path where scaling errs less than plain rounding. */
type Folds = ReadonlyMap<string, Float32Array>;

async function searchFolds(
  block: AwqBlock,
  originals: ReadonlyMap<LinearName, WeightMatrix>,
  statistics: ReadonlyMap<string, InputStatistics>,
  targetOf: (map: LinearName) => Target | undefined,
): Promise<Folds> {
  const folds = new Map<string, Float32Array>();
  for (const { path, maps } of inputGroups) {
    const producer = producers[path];
    const all = producer ? [...maps, producer] : maps;
    if (!all.every((map) => targetOf(map)?.quantizer.scheme === 'awq')) continue; // what is kept is not folded into
    const [first] = maps as readonly [LinearName];
    const matrix = originals.get(first) as WeightMatrix;
    if (producer && (originals.get(producer) as WeightMatrix).out !== matrix.inner) continue; // grouped-query attention
    const options = (targetOf(first) as Target).quantizer as AwqOptions & Quantizer;
    const inputs = statistics.get(path) as InputStatistics;
    const output = inspected[path];
    const rounded = (scales: Float32Array): RoundedMaps =>
      maps.map((map) => [map, scaledAndBack(originals.get(map) as WeightMatrix, scales, options)] as const);
    const loss = output
      ? await moduleLoss(block, output, originals)
      : (made: RoundedMaps) => block.errors.relative(matrix, made[0]?.[1] as Float32Array, inputs);
    let best: Float32Array = new Float32Array(matrix.inner).fill(1);
    let least = Number.POSITIVE_INFINITY;
    for (const exponent of awqExponents) {
      throwIfAborted(block.signal);
      const scales = awqScales(inputs, exponent);
      const found = await loss(rounded(scales));
      if (found < least) [best, least] = [scales, found];
    }
    folds.set(path, best);
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

/** What the rows of a map are divided by, because another map reads its outputs scaled. */
function rowFold(map: LinearName, folds: Folds): Float32Array | undefined {
  const path = Object.keys(producers).find((each) => producers[each] === map);
  return path === undefined ? undefined : folds.get(path);
}

/** Norms and biases with the inverse of the scales in them. */
function* foldedVectors({ model, layer }: AwqBlock, folds: Folds): Generator<[string, Float32Array]> {
  const { config, checkpoint } = model;
  const mlpNorm = config.outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';
  const norms = { 'attention.input': 'input_layernorm', 'mlp.input': mlpNorm };
  for (const [path, norm] of Object.entries(norms)) {
    const scales = folds.get(path);
    const name = `${layerPrefix(layer)}${norm}.weight`;
    const { normOffset } = config;
    const over = (each: number, i: number) =>
      (each + normOffset) / ((scales as Float32Array)[i] as number) - normOffset;
    if (scales) yield [name, checkpoint.readFloat32(name).map(over)];
  }
  const heads = folds.get('attention.heads');
  const bias = `${layerPrefix(layer)}self_attn.v_proj.bias`;
  if (heads && config.projectionBias)
    yield [bias, checkpoint.readFloat32(bias).map((each, i) => each / (heads[i] as number))];
}

/** Decoded folded weights as what they mean for the model that was not folded. */
function unfolded(
  values: Float32Array,
  { inner }: WeightMatrix,
  columns: Float32Array | undefined,
  rows: Float32Array | undefined,
): Float32Array {
  return values.map((each, at) => {
    const [row, column] = [Math.floor(at / inner), at % inner];
    return (each * (rows?.[row] ?? 1)) / (columns?.[column] ?? 1);
  });
}
