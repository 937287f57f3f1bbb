import { existsSync } from 'node:fs';
import { mergeAdapter, type Provenance } from '../../artifact/index.ts';
import { besideOutput } from '../../base/index.ts';
import { type Checkpoint, readAdapter } from '../../checkpoint/index.ts';
import { keptLayers, type LoadedModel, loadModel, type ModelOptions } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { type Example, type TeacherCache, trainModel } from '../../train/index.ts';
import { type E3Options, recoveryRate } from './options.ts';

/** What a recovery trains with. */
export interface RecoveryData {
  readonly sequences: readonly Example[];
  /** The likeliest tokens of the whole model, where it teaches. */
  readonly teacher: TeacherCache | undefined;
}

const [batch, warmup] = [4, 0.03];

/**
 * Trains what is left of a model on the whole model's distributions, or on the data alone, and writes an adapter or,
 * in full, a model at `path`. One that was interrupted goes on.
 */
export async function recover(
  checkpoint: Checkpoint,
  kept: readonly number[],
  path: string,
  { sequences, teacher }: RecoveryData,
  options: E3Options,
  { tokenizer, provenance, load, signal }: RecoveryContext,
): Promise<void> {
  const model = loadModel(keptLayers(checkpoint, kept), { ...load, precision: 'f32' });
  try {
    const steps = Math.max(1, Math.round(options.recoveryTokens / (batch * options.sequence)));
    const how = {
      mode: options.recovery === 'full' ? 'full' : 'lora',
      rank: options.recovery === 'full' ? undefined : options.rank,
      loss: options.recoveryLoss,
      teacher,
      entropyWeight: teacher ? options.beta : 0,
      keepZeros: options.recovery === 'full', // a pruned model stays pruned
    } as const;
    const amount = {
      batch,
      steps,
      sequence: options.sequence,
      warmup: Math.ceil(warmup * steps),
      lr: recoveryRate(options),
    };
    const run = { seed: options.seed, saveEvery: 50, resume: existsSync(besideOutput(path, 'training')) };
    const given = { ...how, ...amount, ...run, data: sequences, packing: 'none' } as const;
    await trainModel(model, tokenizer, path, given, provenance, signal);
  } finally {
    model.close();
  }
}

export interface RecoveryContext {
  readonly tokenizer: Tokenizer;
  readonly provenance: Provenance;
  readonly load: ModelOptions;
  readonly signal?: AbortSignal | undefined;
}

/** The recovered model: layers with their adapter, or the model that full recovery has written. */
export function openRecovered(
  checkpoint: Checkpoint,
  kept: readonly number[],
  path: string,
  recovery: E3Options['recovery'],
  load: ModelOptions,
): LoadedModel {
  if (recovery === 'full') return loadModel(path, load);
  return loadModel(keptLayers(checkpoint, kept), { ...load, adapters: [path] });
}

/** Folds the adapter of a recovery into the layers that are left, and writes the model at `path`. */
export async function mergeRecovered(
  checkpoint: Checkpoint,
  kept: readonly number[],
  adapter: string,
  path: string,
  { provenance, load: { progress }, signal }: RecoveryContext,
): Promise<void> {
  await mergeAdapter(keptLayers(checkpoint, kept), readAdapter(adapter), path, { provenance, progress, signal });
}
