import { serialized } from '../../base/index.ts';
import { type Program, scratch } from '../../engine/index.ts';
import { promptIds } from '../weights/adapters.ts';
import { type BlockActivations, openBlockRunner } from './block-runner.ts';
import { embedRows } from './by-layer.ts';
import type { LoadedModel, Plan } from './open.ts';
import { checkTexts, type Texts, textFeeds } from './texts.ts';

export interface BlockReading {
  /** Which activations of a block are to be shown, by their paths within it. */
  wanted(layer: number): readonly string[];
  /** Is shown them before the next block is run; they are written over then. */
  show(layer: number, activations: BlockActivations): Promise<void>;
}

/**
 * Reads whole texts block by block. Activations never take more room than those of one block; weights stay in memory where
 * they fit (the whole plan), else each block's are read from the checkpoint every time.
 */
export interface BlockReader {
  readonly plan: Plan;
  /**
   * Runs a batch of texts, padded on the right to one length and behind the prompt that the model's adapters put in front,
   * up to the last block of which something is wanted.
   * @throws CriaError when a text does not suit the model, or hidden states do not stay finite.
   */
  run(texts: Texts, reading: BlockReading, signal?: AbortSignal): Promise<void>;
  dispose(): Promise<void>;
}

const roomForActivations = 2 ** 28;

/** Opens a model for reading block by block, in float32. */
export function openBlockReader(model: LoadedModel): BlockReader {
  const { config, adaptation } = model;
  const plan = model.planFor(model.bound('f32').bytes + roomForActivations);
  const blocks = openBlockRunner(model, plan === 'whole');
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const room = scratch();
  /** Room for the results of a block, of which the last block's hidden states are being read. */
  const roomFor = (layer: number, sizes: Readonly<Record<string, number>>) => (outputs: Program['outputs']) =>
    Object.fromEntries(
      [...outputs].map(([name, { shape }]) => {
        const key = name === 'output' ? `${name} ${layer % 2}` : name;
        const dims = shape.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim] as number)));
        return [name, room(key, 'f32', dims)];
      }),
    );
  return {
    plan,
    run: serialized(async (texts: Texts, { wanted, show }: BlockReading, signal?: AbortSignal) => {
      checkTexts(texts, model);
      const all = texts.map((ids) => [...promptIds(model), ...ids]);
      const { feeds: positions, seq } = feedsOf(all);
      const pathsIn = config.slidingWindows.map((_, layer) => wanted(layer));
      const last = pathsIn.findLastIndex((paths) => paths.length > 0);
      let hidden = embedRows(model, all, seq);
      for (const [layer, paths] of pathsIn.slice(0, last + 1).entries()) {
        const into = roomFor(layer, { batch: texts.length, seq });
        const { output, activations } = await blocks.run(layer, { paths, hidden, positions, into, signal });
        hidden = output;
        await show(layer, activations);
      }
    }),
    dispose: () => blocks.dispose(),
  };
}
