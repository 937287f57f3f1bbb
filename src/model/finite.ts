import { CriaError } from '../base/index.ts';
import type { Checkpoint } from '../checkpoint/index.ts';
import type { Values } from '../engine/index.ts';

/** Whether all of them are finite numbers. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0; // NaN for NaN and for infinities
  return sum === 0;
}

/**
 * Why hidden states stopped being finite numbers at a place of the model: one of the weights that were read there is
 * not, or numbers grew beyond float32.
 */
export function nonFinite(checkpoint: Checkpoint, place: string, weights: Values): CriaError {
  const damaged = Object.keys(weights).find((name) => !allFinite(weights[name]?.data as Float32Array));
  if (damaged !== undefined) {
    return new CriaError('holds values that are not finite numbers', {
      where: `${checkpoint.tensors.get(damaged)?.file ?? checkpoint.path}: ${damaged}`,
      remedy: 'take the checkpoint from its source again',
    });
  }
  return new CriaError(`the activations of ${place} are not finite numbers`, {
    where: checkpoint.path,
    remedy: 'weights or edits take them beyond float32',
  });
}
