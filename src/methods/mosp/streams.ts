import { dirname } from 'node:path';
import { makeFolder } from '../../base/index.ts';
import { type Value, value } from '../../engine/index.ts';
import {
  blockInputs,
  emptyTotal,
  type InputPath,
  type LoadedModel,
  layerPrefix,
  openBlockRunner,
  openBlockSweep,
  secondMoment,
} from '../../model/index.ts';
import type { Windows } from './objectives.ts';
import type { Floats } from './problem.ts';

/** Weights that take the place of a block's, by their names in the checkpoint. */
export type BlockWeights = ReadonlyMap<string, Floats>;

/** The calibration windows of every objective, on their way through the model block by block. */
export interface Streams {
  /** X_i^T X_i of the inputs at `paths` of the block ahead, by objective, with the given weights in place of its own. */
  moments(paths: readonly InputPath[], weights?: BlockWeights, signal?: AbortSignal): Promise<Map<InputPath, Floats[]>>;
  /** Goes on to the next block with what this one makes of each objective's windows with the weights given for it. */
  advance(weightsOf: (objective: number) => BlockWeights | undefined, signal?: AbortSignal): Promise<void>;
  dispose(): Promise<void>;
}

const mostInMemory = 2 ** 30; // bytes of hidden states

/** Opens streams in front of the first block. Hidden states that are too many for memory lie in files `prefix`-NAME. */
export function openStreams(model: LoadedModel, objectives: readonly Windows[], prefix: string): Streams {
  const runner = openBlockRunner(model, false);
  const bytesOf = ({ windows }: Windows) =>
    windows.reduce((sum, ids) => sum + ids.length, 0) * model.config.hiddenSize * Float32Array.BYTES_PER_ELEMENT;
  const onDisk = objectives.reduce((sum, each) => sum + bytesOf(each), 0) > mostInMemory;
  if (onDisk) makeFolder(dirname(prefix));
  const sweeps = objectives.map(({ name, windows }) =>
    openBlockSweep(model, windows, { runner, ...(onDisk && { file: `${prefix}-${name}` }) }),
  );
  const sizes = new Map(blockInputs(model.config).map(({ path, size }) => [path, size]));
  const inBlock = (layer: number, weights: BlockWeights | undefined): Record<string, Value> | undefined =>
    weights &&
    Object.fromEntries(
      [...weights].map(([name, { rows, columns, data }]) => [
        name.slice(layerPrefix(layer).length),
        value('f32', [rows, columns], data),
      ]),
    );
  return {
    async moments(paths, weights, signal) {
      const found = new Map(paths.map((path): [InputPath, Floats[]] => [path, []]));
      for (const sweep of sweeps) {
        const totals = paths.map((path) => emptyTotal(path, secondMoment(), sizes.get(path) as number));
        await sweep.run({ weights: inBlock(sweep.layer, weights), totals, signal });
        for (const [i, path] of paths.entries()) {
          const size = sizes.get(path) as number;
          const data = totals[i]?.value.data as Float32Array;
          found.get(path)?.push({ rows: size, columns: size, data });
        }
      }
      return found;
    },
    async advance(weightsOf, signal) {
      for (const [i, sweep] of sweeps.entries()) {
        await sweep.advance({ weights: inBlock(sweep.layer, weightsOf(i)), signal });
      }
    },
    async dispose() {
      await Promise.all(sweeps.map((sweep) => sweep.dispose()));
      await runner.dispose();
    },
  };
}
