import { provenanceOf } from '../artifact/index.ts';
import { writeFileAtomically } from '../base/index.ts';
import { type TrainOptions, type TrainResult, trainModel } from '../train/index.ts';
import type { Visit } from './stop.ts';

/** What a stop decides about its training. */
export type MicroBatch = Pick<TrainOptions, 'data' | 'batch'> &
  Partial<Pick<TrainOptions, 'rank' | 'alpha' | 'init' | 'log'>> & { readonly steps: number };

/** Trains LoRA on short texts, on all linear layers, and writes it at `out`. */
export function trainLora(
  { model, path, seed, signal }: Visit,
  out: string,
  microBatch: MicroBatch,
): Promise<TrainResult> {
  const { steps } = microBatch;
  const options = {
    ...microBatch,
    sequence: 64,
    lr: 3e-3,
    seed,
    saveEvery: 0,
  };
  return trainModel(model.loaded, model.tokenizer, out, options, provenanceOf('tour', path, { steps }, seed), signal);
}

/** Writes rows as JSON lines. */
export async function writeRows(path: string, rows: readonly object[]): Promise<void> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFileAtomically(path, (append) => append(new TextEncoder().encode(text)));
}
