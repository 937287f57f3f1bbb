import { allFinite, CriaError } from '../../base/index.ts';
import type { Checkpoint } from '../../checkpoint/index.ts';

/**
 * Why activations are no longer finite numbers at a place of the model: one of the tensors `names` that act there is
 * not, or numbers have grown beyond float32.
 */
export function nonFinite(checkpoint: Checkpoint, place: string, names: readonly string[]): CriaError {
  const damaged = names.find((name) => !isFiniteTensor(checkpoint, name));
  if (damaged !== undefined) {
    return new CriaError('holds NaN or Inf', {
      where: `${checkpoint.tensors.get(damaged)?.file}: ${damaged}`,
      remedy: 'download the checkpoint again',
    });
  }
  return new CriaError(`the activations of ${place} contain NaN or Inf`, {
    where: checkpoint.path,
    remedy: 'the weights or an edit make them overflow',
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
