import { type Checkpoint, overlaid, type Replacement } from '../../checkpoint/index.ts';
import type { BlockStore } from './block-store.ts';
import type { Target } from './matrices.ts';
import { patternOf } from './pattern.ts';
import { merged, type Preference, preferenceId } from './preference.ts';
import type { Floats } from './problem.ts';
import { type PrunedMatrix, roundedTo } from './weight-sets.ts';

/** Pruned matrices by name, each read or made when it is asked for. */
export type PrunedWeights = ReadonlyMap<string, Replacement>;

/** The weights of a point: a mixture of the shared and the objectives' own, around the core. */
export function pointOf(
  { rows, columns, sparsity }: Pick<Target, 'rows' | 'columns' | 'sparsity'>,
  matrix: PrunedMatrix,
  preference: Preference,
  { alpha, power }: { readonly alpha: number; readonly power: number },
): Floats {
  const polished = matrix.polished?.get(preferenceId(preference));
  if (polished) return polished;
  const point = merged(matrix, patternOf(sparsity, { rows, columns, alpha }), preference, power);
  return roundedTo(matrix.type, point, matrix.name);
}

/** The matrices of all blocks as `choose` makes them of what the store holds. */
export function prunedWeights(
  blocks: readonly (readonly Target[])[],
  store: Pick<BlockStore, 'matrix'>,
  choose: (target: Target, matrix: PrunedMatrix) => Floats,
): PrunedWeights {
  return new Map(
    blocks.flatMap((targets, layer) =>
      targets.map((target): [string, Replacement] => {
        const read = () => choose(target, store.matrix(layer, target.name)).data;
        return [target.name, { shape: [target.rows, target.columns], read }];
      }),
    ),
  );
}

/** The model with pruned matrices, never written to be run. Closing it leaves the checkpoint below open. */
export const prunedCheckpoint = (checkpoint: Checkpoint, tensors: PrunedWeights): Checkpoint => ({
  ...overlaid(checkpoint, { tensors }),
  close() {},
});
