import { CriaError, closing, notOfARun, type RunPlace, type RunState } from '../base/index.ts';
import { openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import type { TrainingPlan } from './memory-estimate.ts';
import type { ParameterBuffer } from './parameters.ts';

const stateFile = 'state.safetensors';

/** The adapter that a run has made to start from. */
export const startName = 'start';

/** Outputs of other models that a run computes once. */
export const teacherCacheFile = 'teacher.safetensors';
export const marginsFile = 'margins.safetensors';

/** Where the state of a training lies. */
export const trainingPlace = (out: string): RunPlace => ({
  out,
  ending: 'training',
  names: [stateFile, startName, `${startName}.eva`, teacherCacheFile, marginsFile],
});

const parts = ['values', 'first', 'second'] as const;

/** How far a run is. */
export interface Reached {
  /** Steps that were taken. */
  readonly step: number;
  /** The loss of the last one; NaN before the first. */
  readonly loss: number;
}

/** Saves how far a run is under a plan, whole or not at all. @throws CriaError when it cannot be written. */
export async function saveReached(
  state: RunState,
  { step, loss }: Reached,
  buffer: ParameterBuffer,
  plan: TrainingPlan,
): Promise<void> {
  const { arrays } = buffer.vectors;
  await writeSafetensors(
    state.path(stateFile),
    parts.map((name) => {
      const data = arrays[name];
      return {
        name,
        shape: [data.length],
        type: 'F32' as const,
        bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      };
    }),
    { step: String(step), loss: String(loss), size: String(buffer.size), plan },
  );
}

/**
 * Brings a run back into the buffer; returns how far it was, before its first step where nothing was saved.
 * @throws CriaError when the file is not sound, or of another buffer.
 */
export function restoreReached(state: RunState, buffer: ParameterBuffer): Reached {
  if (!state.has(stateFile)) return { step: 0, loss: Number.NaN };
  const path = state.path(stateFile);
  return closing(openSafetensors(path), (file) => {
    const [step, loss] = [Number(file.metadata.step), Number(file.metadata.loss)];
    if (!Number.isSafeInteger(step)) throw notOfARun(path);
    for (const name of parts) {
      const into = buffer.vectors.arrays[name];
      if (file.metadata.size !== String(buffer.size) || file.tensors.get(name)?.shape[0] !== into.length) {
        throw new CriaError('holds the state of another run', { where: path, remedy: 'pass --force to start again' });
      }
      file.readFloat32(name, { into });
    }
    return { step, loss };
  });
}

/** The plan under which a run has saved how far it was: another one would round otherwise. */
export function savedPlan(state: RunState): TrainingPlan | undefined {
  if (!state.has(stateFile)) return undefined;
  return closing(openSafetensors(state.path(stateFile)), ({ metadata }) => metadata.plan as TrainingPlan | undefined);
}
