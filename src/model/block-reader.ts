import { throwIfAborted } from '../base/index.ts';
import { compile, type Program, scratch, type Value } from '../engine/index.ts';
import { input } from '../tensor/index.ts';
import { adaptedWeights, blockKinds, layerAdditions, promptIds } from './adapters.ts';
import { decoder } from './decoder.ts';
import { allFinite, nonFinite } from './finite.ts';
import { blockNames, embedRows, openBlocks } from './layerwise.ts';
import { anyLayer } from './names.ts';
import type { LoadedModel, Plan } from './open.ts';
import { freshPositions } from './positions.ts';
import { tapsOf } from './taps.ts';
import { checkTexts, type Texts, textFeeds } from './texts.ts';
import { inTurn } from './turns.ts';
import { floatWeights } from './weights.ts';

/** Activations of one block by their path within it, as mlp.input: [batch, seq, size]. */
export type BlockActivations = Readonly<Record<string, Value<'f32'>>>;

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
  const { config, adaptation, checkpoint, device, threads } = model;
  const { prefixTokens } = adaptation;
  const plan = model.planFor('f32', roomForActivations);
  const weightsOf = openBlocks(model, plan);
  const feedsOf = textFeeds(config, prefixTokens);
  const kinds = blockKinds(model);
  const programs = new Map<string, Program>();
  const programFor = async (layer: number, paths: readonly string[]): Promise<Program> => {
    const key = [layer, ...paths].join();
    const known = programs.get(key) ?? (await compile(graphOf(layer, paths), { device, threads }));
    programs.set(key, known);
    return known;
  };
  const graphOf = (layer: number, paths: readonly string[]) => {
    const parts = decoder(config, adaptedWeights(floatWeights, adaptation, config, layer));
    const prefix = `layers.${layer}.`;
    const taps = tapsOf(paths.map((path) => prefix + path));
    const hidden = input('hidden', 'f32', ['batch', 'seq', config.width]);
    const output = parts.layer(layer, hidden, freshPositions(config, 'batch', 'seq', prefixTokens), taps, anyLayer);
    const found = [...taps.found].map(([path, tensor]) => [path.slice(prefix.length), tensor] as const);
    return { output, ...Object.fromEntries(found) };
  };
  const room = scratch();
  return {
    plan,
    run: inTurn(async (texts: Texts, { wanted, show }: BlockReading, signal?: AbortSignal) => {
      checkTexts(texts, model);
      const all = texts.map((ids) => [...promptIds(model), ...ids]);
      const { feeds, seq } = feedsOf(all);
      const paths = config.windows.map((_, layer) => wanted(layer));
      let x = embedRows(model, all, seq);
      for (let layer = 0; layer <= paths.findLastIndex((each) => each.length > 0); layer++) {
        throwIfAborted(signal);
        const named = kinds[layer] as number;
        const program = await programFor(named, paths[layer] as readonly string[]);
        const given = { ...feeds, ...weightsOf(layer), ...layerAdditions(adaptation, layer, named), hidden: x };
        const sizes: Readonly<Record<string, number>> = { batch: texts.length, seq };
        const into = Object.fromEntries(
          [...program.outputs].map(([name, { shape }]) => {
            const key = name === 'output' ? `${name} ${layer % 2}` : name; // the other one is being read
            return [
              name,
              room(
                key,
                'f32',
                shape.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim] as number))),
              ),
            ];
          }),
        );
        const { output, ...activations } = (await program.run(given, into)) as BlockActivations;
        x = output as Value<'f32'>;
        if (!allFinite(x.data)) throw nonFinite(checkpoint, `layer ${layer}`, blockNames(config, layer));
        await show(layer, activations);
      }
    }),
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}
