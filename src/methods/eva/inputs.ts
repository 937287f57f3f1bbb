import { type LoadedModel, openBlockReader } from '../../model/index.ts';
import type { Batch } from '../../train/index.ts';
import type { InputGroup } from './groups.ts';
import { openIncrementalPca, type Pca, type PcaOptions } from './incremental-pca.ts';
import { type CountedRows, openRowTaker } from './rows.ts';

type States = readonly (Pca | undefined)[];

/** The inputs of groups, read block by block: each is decomposed before the next block's overwrite it. */
export interface Inputs {
  /** What is known after a batch, of the groups that are `moving`; the others stay as they are. */
  update(
    before: States,
    moving: readonly boolean[],
    batch: Batch,
    counted: CountedRows,
    signal?: AbortSignal,
  ): Promise<States>;
  dispose(): Promise<void>;
}

/** Opens a model for reading the inputs of groups. */
export async function openInputs(
  model: LoadedModel,
  groups: readonly InputGroup[],
  options: PcaOptions,
): Promise<Inputs> {
  const running = { device: model.device, threads: model.threads };
  const reader = openBlockReader(model);
  const pca = await openIncrementalPca(options, running);
  const taker = await openRowTaker(running);
  return {
    async update(before, moving, batch, counted, signal) {
      const after = [...before];
      const inBlock = (layer: number) =>
        [...groups.entries()].filter(([i, group]) => moving[i] && group.layer === layer);
      await reader.run(
        batch.map(({ ids }) => ids),
        {
          wanted: (layer) => inBlock(layer).map(([, { path }]) => path),
          async show(layer, activations) {
            for (const [i, { path }] of inBlock(layer)) {
              const rows = await taker.take(activations[path] as (typeof activations)[string], counted);
              after[i] = await pca.update(before[i], rows, signal);
            }
          },
        },
        signal,
      );
      return after;
    },
    async dispose() {
      await Promise.all([reader.dispose(), pca.dispose(), taker.dispose()]);
    },
  };
}
