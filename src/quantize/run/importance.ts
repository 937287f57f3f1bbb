import { CriaError, throwIfAborted, type Watch } from '../../base/index.ts';
import { type InputSquares, readImatrix, writeImatrix } from '../../checkpoint/index.ts';
import { blockInputs, columnSquares, emptyTotal, type LoadedModel, type Texts } from '../../model/index.ts';
import { sweepOver, weightName } from './calibration.ts';
import type { QuantizeOptions } from './options.ts';
import type { Target } from './plan.ts';

/** The mean square of each input of the matrices that it weights, by their names. */
export type Importance = ReadonlyMap<string, Float32Array>;

/**
 * The importance that an imatrix of llama.cpp gives to the inputs of Q4_K matrices; empty without one.
 * @throws CriaError when the file is not sound, or of another model.
 */
export function importanceFrom(
  { checkpoint }: LoadedModel,
  { imatrix }: QuantizeOptions,
  targets: readonly Target[],
): Importance {
  if (imatrix === undefined) return new Map();
  const weighted = targets.filter(({ quantizer, fallback }) => quantizer.scheme === 'q4_k' && fallback === undefined);
  if (weighted.length === 0) {
    throw new CriaError('only q4_k is weighted by an importance matrix', {
      where: '--imatrix',
      remedy: 'leave it out',
    });
  }
  const { importance } = readImatrix(imatrix, checkpoint.config.model_type);
  return new Map(weighted.map(({ name, inner }) => [name, importance(name, inner)]));
}

/** Runs the model over the texts and writes the squares of the inputs of every linear map as llama.cpp reads them. */
export async function writeImportance(
  path: string,
  model: LoadedModel,
  texts: Texts,
  dataset: string,
  { signal }: Watch,
): Promise<void> {
  const { config, checkpoint, progress } = model;
  const inputs = blockInputs(config);
  const squares = new Map<string, InputSquares>();
  const sweep = sweepOver(model, texts);
  try {
    for (let layer = 0; layer < config.layers; layer++) {
      throwIfAborted(signal);
      progress.step('importance', layer, config.layers, 'blocks');
      const totals = inputs.map(({ path: at, size }) => emptyTotal(at, columnSquares, size));
      await sweep.advance({ totals, signal });
      for (const [i, { linears }] of inputs.entries()) {
        const sums = Float32Array.from(totals[i]?.value.data as unknown as Float64Array);
        for (const map of linears) squares.set(weightName(layer, map), { sums, count: sweep.positions });
      }
    }
    progress.step('importance', config.layers, config.layers, 'blocks');
  } finally {
    await sweep.dispose();
  }
  const told = { dataset, sequence: texts[0]?.length ?? 0, chunks: texts.length };
  await writeImatrix(path, checkpoint.config.model_type, squares, told);
}
