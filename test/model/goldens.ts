import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Checkpoint } from '../../src/checkpoint/index.ts';
import type { Value } from '../../src/engine/index.ts';
import {
  bindWeights,
  type Forward,
  type ForwardOptions,
  type IncrementalDecoder,
  type LoadedModel,
  loadModel,
  type ModelOptions,
  openForward,
  type PieceResult,
  type Sequence,
} from '../../src/model/index.ts';

/** What transformers computed on a tiny checkpoint: see test/goldens/make_architectures.py. */
export interface Golden {
  readonly sequences: readonly {
    readonly ids: readonly number[];
    readonly logits: readonly (readonly number[])[];
    readonly hiddenStates: readonly (readonly number[])[];
  }[];
  readonly greedy: {
    readonly ids: readonly number[];
    readonly gaps: readonly number[];
    readonly idsWithCache: readonly number[];
  };
}

const root = join(import.meta.dirname, '../goldens/architectures');

/** The names of the golden checkpoints. */
export const goldenNames: readonly string[] = readdirSync(root).sort();

export const goldenPath = (name: string): string => join(root, name);

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(join(root, name, 'golden.json'), 'utf8')) as Golden;
}

/** What PEFT computed with an adapter on a golden checkpoint: see test/goldens/make_adapters.py. */
export interface AdapterGolden {
  readonly checkpoint: string;
  readonly sequences: readonly Pick<Golden['sequences'][number], 'ids' | 'logits'>[];
  readonly greedy: readonly number[];
}

const adapterRoot = join(import.meta.dirname, '../goldens/adapters');

/** The names of the golden adapters. */
export const adapterNames: readonly string[] = readdirSync(adapterRoot).sort();

export const adapterPath = (name: string): string => join(adapterRoot, name);

export function readAdapterGolden(name: string): AdapterGolden {
  return JSON.parse(readFileSync(join(adapterRoot, name, 'golden.json'), 'utf8')) as AdapterGolden;
}

/** A model that is closed when the test ends. */
export function opened(path: string, options: ModelOptions = {}): LoadedModel {
  const model = loadModel(path, options);
  onTestFinished(() => model.close());
  return model;
}

/** A forward pass that is disposed of when the test ends. */
export async function forwardOf(model: LoadedModel, options: ForwardOptions = {}): Promise<Forward> {
  const forward = await openForward(model, options);
  onTestFinished(() => forward.dispose());
  return forward;
}

/** The model with other weights: `change` is given each tensor's values and changes them in place. */
export function withWeights(model: LoadedModel, change: (name: string, values: Float32Array) => void): LoadedModel {
  const checkpoint: Checkpoint = {
    ...model.checkpoint,
    readFloat32(name, { rows, into } = {}) {
      const values = model.checkpoint.readFloat32(name);
      change(name, values);
      const width = values.length / (model.checkpoint.tensors.get(name)?.shape[0] ?? 1);
      const asked = rows ? values.subarray(rows[0] * width, rows[1] * width) : values;
      into?.set(asked);
      return into ?? asked;
    },
  };
  const bound = bindWeights(checkpoint, model.config, 'f32');
  return { ...model, checkpoint, bound: () => bound };
}

/** Logits of a text, [positions * vocabulary]. */
export async function logitsOf(forward: Forward, ids: readonly number[]): Promise<Float32Array> {
  const { lastHidden } = await forward.run([ids]);
  return forward.logits(lastHidden.data);
}

/** The largest distance between two lists of numbers; NaN where one of them is none. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs((a[i] as number) - (b[i] as number));
    if (!(apart <= most)) most = apart;
    if (Number.isNaN(most)) return most;
  }
  return most;
}

/** The row at `position` of the text `text` of an activation [batch, seq, size]. */
export function rowAt({ shape, data }: Value<'f32'>, position: number, text = 0): Float32Array {
  const [, seq, size] = shape as [number, number, number];
  const at = (text * seq + position) * size;
  return data.slice(at, at + size);
}

/** Reads further tokens of a sequence; returns the logits after the last one. */
export async function logitsAfter(
  decoder: IncrementalDecoder,
  sequence: Sequence,
  ids: readonly number[],
): Promise<Float32Array> {
  const [result] = await decoder.extend([{ sequence, ids }]);
  return (result as PieceResult).logits;
}
