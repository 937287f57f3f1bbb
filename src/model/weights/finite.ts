import { allFinite, CriaError } from '../../base/index.ts';
import type { Checkpoint } from '../../checkpoint/index.ts';

/**
 * Why activations are no longer finite numbers at a place of the model: one of the tensors `names` that act there is
 * not, or numbers have grown beyond float32.
 */
export function nonFinite(checkpoint: Checkpoint, place: string, names: readonly string[]): CriaError {
  const damaged = names.find((name) => !isFiniteTensor(checkpoint, name));
  if (damaged !== undefined) {
    return new CriaError('holds values that are not finite numbers', {
      where: `${checkpoint.tensors.get(damaged)?.file}: ${damaged}`,
      remedy: 'take the checkpoint from its source again',
    });
  }
  return new CriaError(`the activations of ${place} are not finite numbers`, {
    where: checkpoint.path,
    remedy: 'weights or edits take them beyond float32',
  });
}

const rowsAtOnce = 1024;

function isFiniteTensor(checkpoint: Checkpoint, name: string): boolean {
  const height = checkpoint.tensors.get(name)?.shape[0] ?? 0;
  for (let from = 0; from < height; from += rowsAtOnce) {
    const rows = [from, Math.min(height, from + rowsAtOnce)] as const;
    if (!allFinite(checkpoint.readFloat32(name, { rows }))) return false;
  }
  return true;
}
