import { type Config, type LinearName, type LoadedModel, layerPrefix } from '../../model/index.ts';
import { overRows, timesColumns, type WeightMatrix } from '../schemes/index.ts';

/** The scales of the inputs at each path of a block (attention.input, …) that are folded into its weights. */
export type Folds = ReadonlyMap<string, Float32Array>;

/** The map whose rows take the inverse of the scales of a map's inputs. */
export const producers: Readonly<Record<string, LinearName | undefined>> = {
  'attention.heads': 'self_attn.v_proj',
  'mlp.hidden': 'mlp.up_proj',
};

/** A map with the scales of its inputs in its columns, and the inverse of those of its outputs in its rows. */
export interface FoldedMap {
  readonly matrix: WeightMatrix;
  /** Decoded values of the folded map as what they mean for the model that was not folded. */
  unfold(values: Float32Array): Float32Array;
}

/** Folds scales into a map that reads the activation `path`. */
export function foldedMap(original: WeightMatrix, map: LinearName, path: string, folds: Folds): FoldedMap {
  const columns = folds.get(path);
  const read = Object.keys(producers).find((each) => producers[each] === map); // where its outputs are read scaled
  const rows = read === undefined ? undefined : folds.get(read);
  const wide = columns ? timesColumns(original, columns) : original;
  const { inner } = original;
  return {
    matrix: rows ? overRows(wide, rows) : wide,
    unfold: (values) =>
      values.map((each, at) => (each * (rows?.[Math.floor(at / inner)] ?? 1)) / (columns?.[at % inner] ?? 1)),
  };
}

/** Norms and biases of a block with the inverse of the scales in them, by their names. */
export function* foldedVectors(
  { config, checkpoint }: Pick<LoadedModel, 'config' | 'checkpoint'>,
  layer: number,
  folds: Folds,
): Generator<[string, Float32Array]> {
  for (const [path, norm] of Object.entries(normsOf(config))) {
    const scales = folds.get(path);
    const name = `${layerPrefix(layer)}${norm}.weight`;
    const { normOffset } = config;
    const over = (each: number, i: number) =>
      (each + normOffset) / ((scales as Float32Array)[i] as number) - normOffset;
    if (scales) yield [name, checkpoint.readFloat32(name).map(over)];
  }
  for (const [path, map] of Object.entries(producers)) {
    const scales = folds.get(path);
    const name = `${layerPrefix(layer)}${map}.bias`;
    if (scales && checkpoint.tensors.has(name))
      yield [name, checkpoint.readFloat32(name).map((each, i) => each / (scales[i] as number))];
  }
}

/** The norms that an activation comes from. */
const normsOf = ({ outputNorms }: Config): Readonly<Record<string, string>> => ({
  'attention.input': 'input_layernorm',
  'mlp.input': outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm',
});
