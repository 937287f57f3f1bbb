import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  besideOutput,
  CriaError,
  leaveEmpty,
  makeFolder,
  type RunStateFiles,
  refuseForeign,
  refuseOtherSettings,
  removeRunState,
  type Settings,
} from '../base/index.ts';
import { openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import type { ParameterBuffer } from './parameters.ts';

/** Where an unfinished run keeps its state: beside the output. */
export const stateFolder = (out: string): string => besideOutput(out, 'training');
const stateFile = (out: string) => join(stateFolder(out), 'state.safetensors');

/** Where the adapter lies that a run has made to start from. */
export const startFolder = (out: string): string => join(stateFolder(out), 'start');

/** Outputs of other models that a run computes once. */
export const teacherCacheFile = (folder: string): string => join(folder, 'teacher.safetensors');
export const marginsFile = (folder: string): string => join(folder, 'margins.safetensors');

const keeping = (out: string): RunStateFiles => ({
  folder: stateFolder(out),
  names: ['state.safetensors', 'start', 'start.eva', 'teacher.safetensors', 'margins.safetensors'],
});

const parts = ['values', 'first', 'second'] as const;

/** How far a run is. */
export interface Reached {
  /** Steps that were taken. */
  readonly step: number;
  /** The loss of the last one; NaN before the first. */
  readonly loss: number;
}

/** Saves a run, whole or not at all. @throws CriaError when it cannot be written. */
export async function saveState(
  out: string,
  { step, loss }: Reached,
  buffer: ParameterBuffer,
  settings: Settings,
): Promise<void> {
  const { arrays } = buffer.vectors;
  await writeSafetensors(
    stateFile(out),
    parts.map((name) => {
      const data = arrays[name];
      return {
        name,
        shape: [data.length],
        type: 'F32' as const,
        bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      };
    }),
    { step: String(step), loss: String(loss), size: String(buffer.size), settings: JSON.stringify(settings) },
  );
}

/**
 * Brings a run back into the buffer; returns how far it was, before its first step where none was saved.
 * @throws CriaError when it was asked for something else, naming what differs, or the file is not sound.
 */
export function restoreState(out: string, buffer: ParameterBuffer, settings: Settings): Reached {
  const path = stateFile(out);
  if (!existsSync(path)) return { step: 0, loss: Number.NaN };
  const file = openSafetensors(path);
  try {
    const { saved, ...reached } = headOf(path, file.metadata);
    refuseOtherSettings(path, saved, settings);
    for (const name of parts) {
      const into = buffer.vectors.arrays[name];
      if (file.metadata.size !== String(buffer.size) || file.tensors.get(name)?.shape[0] !== into.length) {
        throw new CriaError('is the state of another run', { where: path, remedy: 'begin again with --force' });
      }
      file.readFloat32(name, { into });
    }
    return reached;
  } finally {
    file.close();
  }
}

/** What a run whose state was saved was asked for. */
export function savedSettings(out: string): Settings | undefined {
  if (!existsSync(stateFile(out))) return undefined;
  const file = openSafetensors(stateFile(out));
  try {
    return headOf(stateFile(out), file.metadata).saved;
  } finally {
    file.close();
  }
}

function headOf(where: string, metadata: Readonly<Record<string, string>>): Reached & { readonly saved: Settings } {
  const [step, loss] = [Number(metadata.step), Number(metadata.loss)];
  try {
    const saved: unknown = JSON.parse(metadata.settings ?? '');
    if (Number.isSafeInteger(step) && typeof saved === 'object' && saved)
      return { saved: saved as Settings, step, loss };
  } catch {}
  throw new CriaError('is no saved state of a run', { where, remedy: 'begin again with --force' });
}

/**
 * Makes the place of an unfinished run, so that it can be resumed wherever it stops; one that begins keeps nothing of an
 * earlier one. @throws CriaError when it cannot be written.
 */
export function beginState(out: string, resume: boolean): void {
  if (!resume) removeState(out);
  makeFolder(stateFolder(out));
}

/** Forgets a run of which nothing was saved. */
export const leaveState = (out: string): void => leaveEmpty(stateFolder(out));

/** Whether something of an unfinished run was saved. @throws CriaError when its place holds something else. */
export function hasState(out: string): boolean {
  refuseForeign(keeping(out));
  return keeping(out).names.some((name) => existsSync(join(stateFolder(out), name)));
}

/** Forgets an unfinished run. */
export const removeState = (out: string): void => removeRunState(keeping(out));
