import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError } from '../base/index.ts';
import { openSafetensors, writeSafetensors } from '../checkpoint/index.ts';
import type { Moments } from './adamw.ts';
import type { ParameterStore } from './parameters.ts';

/** What a run was asked for: plain data that a resumed run has to repeat. */
export type Settings = Readonly<Record<string, unknown>>;

/** Where an unfinished run keeps its state: beside the output. */
export const stateFolder = (out: string): string => `${out}.training`;
const stateFile = (out: string) => join(stateFolder(out), 'state.safetensors');

const parts = ['values', 'first', 'second'] as const;
const arraysOf = (store: ParameterStore, moments: Moments) => ({ values: store.values, ...moments });

/** Saves a run after `step` steps, whole or not at all. */
export async function saveState(
  out: string,
  step: number,
  store: ParameterStore,
  moments: Moments,
  settings: Settings,
): Promise<void> {
  mkdirSync(stateFolder(out), { recursive: true });
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
    { step: String(step), settings: JSON.stringify(settings) },
  );
}

/**
 * Brings a run back into the store and the moments; returns the steps that it had taken, 0 where none was saved.
 * @throws CriaError when it was asked for something else, naming what differs, or the file is not sound.
 */
export function restoreState(out: string, store: ParameterStore, moments: Moments, settings: Settings): number {
  const path = stateFile(out);
  if (!existsSync(path)) return 0;
  const file = openSafetensors(path);
  try {
    refuseOtherSettings(path, JSON.parse(file.metadata.settings ?? '{}'), settings);
    for (const [name, into] of Object.entries(arraysOf(store, moments))) {
      if (file.tensors.get(name)?.shape[0] !== into.length) {
        throw new CriaError('is the state of another run', { where: path, remedy: 'train without --resume' });
      }
      file.readFloat32(name, { into });
    }
    return Number(file.metadata.step);
  } finally {
    file.close();
  }
}

/** Whether an unfinished run was saved. */
export const hasState = (out: string): boolean => existsSync(stateFile(out));

/** Forgets an unfinished run. */
export function removeState(out: string): void {
  rmSync(stateFolder(out), { recursive: true, force: true });
}

/** @throws CriaError naming what a resumed run was asked for that differs. */
export function refuseOtherSettings(where: string, saved: Settings, asked: Settings): void {
  const shown = (value: unknown) => JSON.stringify(value) ?? 'not given';
  const differing = [...new Set([...Object.keys(saved), ...Object.keys(asked)])]
    .filter((name) => shown(saved[name]) !== shown(asked[name]))
    .map((name) => `${name} was ${shown(saved[name])} and is ${shown(asked[name])}`);
  if (differing.length === 0) return;
  throw new CriaError(`the run was begun with other options: ${differing.join('; ')}`, {
    where,
    remedy: 'resume it with the same ones, or delete it',
  });
}
