import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError, makeFolder, refuseOtherSettings, type Settings } from '../base/index.ts';
import { openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import type { Moments } from './adamw.ts';
import type { ParameterStore } from './parameters.ts';

/** Where an unfinished run keeps its state: beside the output. */
export const stateFolder = (out: string): string => `${out}.training`;
const stateFile = (out: string) => join(stateFolder(out), 'state.safetensors');

const parts = ['values', 'first', 'second'] as const;
const arraysOf = (store: ParameterStore, moments: Moments) => ({ values: store.values, ...moments });

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
  store: ParameterStore,
  moments: Moments,
  settings: Settings,
): Promise<void> {
  const arrays = arraysOf(store, moments);
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
    { step: String(step), loss: String(loss), settings: JSON.stringify(settings) },
  );
}

/**
 * Brings a run back into the store and the moments; returns how far it was, before its first step where none was saved.
 * @throws CriaError when it was asked for something else, naming what differs, or the file is not sound.
 */
export function restoreState(out: string, store: ParameterStore, moments: Moments, settings: Settings): Reached {
  const path = stateFile(out);
  if (!existsSync(path)) return { step: 0, loss: Number.NaN };
  const file = openSafetensors(path);
  try {
    const { saved, ...reached } = headOf(path, file.metadata);
    refuseOtherSettings(path, saved, settings);
    for (const [name, into] of Object.entries(arraysOf(store, moments))) {
      if (file.tensors.get(name)?.shape[0] !== into.length) {
        throw new CriaError('is the state of another run', { where: path, remedy: 'begin again with --force' });
      }
      file.readFloat32(name, { into });
    }
    return reached;
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

/** Makes the place of an unfinished run, so that it can be resumed wherever it stops. @throws CriaError when it cannot. */
export const beginState = (out: string): void => makeFolder(stateFolder(out));

/** Forgets a run of which nothing was saved. */
export function leaveState(out: string): void {
  if (existsSync(stateFolder(out)) && readdirSync(stateFolder(out)).length === 0) removeState(out);
}

/** Whether an unfinished run was saved. */
export const hasState = (out: string): boolean => existsSync(stateFile(out));

/** Forgets an unfinished run. */
export function removeState(out: string): void {
  rmSync(stateFolder(out), { recursive: true, force: true });
}
