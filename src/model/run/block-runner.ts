import { allFinite, throwIfAborted } from '../../base/index.ts';
import { compile, type Program, type Value, type Values } from '../../engine/index.ts';
import { input, type Outputs } from '../../tensor/index.ts';
import { decoder } from '../architecture/decoder.ts';
import { anyLayer } from '../architecture/names.ts';
import { freshPositions } from '../architecture/positions.ts';
import { type Edit, tapsOf } from '../architecture/taps.ts';
import { adaptedWeights, graphTemplates, layerAdditions } from '../weights/adapters.ts';
import { blockNames, openBlocks } from '../weights/block-weights.ts';
import { nonFinite } from '../weights/finite.ts';
import { floatWeights } from '../weights/weights.ts';
import type { LoadedModel } from './open.ts';

/** Activations of one block by their path within it, as mlp.input: [batch, seq, size]. */
export type BlockActivations = Readonly<Record<string, Value<'f32'>>>;

/** What a block is run on. */
export interface BlockRun {
  /** Activations that are read, by their paths within the block. */
  readonly paths: readonly string[];
  readonly hidden: Value<'f32'>;
  /** What tells positions of texts. */
  readonly positions: Values;
  /** Where results are written, of a program's results by name. */
  readonly into?: (outputs: Program['outputs']) => Values;
  readonly signal?: AbortSignal | undefined;
}

/** Runs whole texts through one block after the other. */
export interface BlockRunner {
  /** @throws CriaError when hidden states do not stay finite. */
  run(layer: number, run: BlockRun): Promise<{ output: Value<'f32'>; activations: BlockActivations }>;
  dispose(): Promise<void>;
}

/**
 * Opens a model for running block by block, in float32: a graph is compiled for each kind of block (window, adapters,
 * edits) and each set of activations that is read. With `held` weights stay in memory, else each block's are read over
 * the last one's.
 */
export function openBlockRunner(
  model: LoadedModel,
  held: boolean,
  edits: Readonly<Record<string, Edit>> = {},
): BlockRunner {
  const { config, adaptation, checkpoint, device, threads } = model;
  const { prefixTokens } = adaptation;
  const weightsOf = openBlocks(model, held);
  const isEdited = (layer: number) => Object.keys(edits).some((path) => path.startsWith(prefixOf(layer)));
  const kinds = graphTemplates(model, isEdited);
  const programs = new Map<string, Program>();
  const graphOf = (layer: number, paths: readonly string[]): Outputs => {
    const parts = decoder(config, adaptedWeights(floatWeights, adaptation, config, layer));
    const taps = tapsOf(
      paths.map((path) => prefixOf(layer) + path),
      edits,
    );
    const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
    const output = parts.layer(layer, hidden, freshPositions(config, 'batch', 'seq', prefixTokens), taps, anyLayer);
    const found = [...taps.found].map(([path, tensor]) => [path.slice(prefixOf(layer).length), tensor] as const);
    return { output, ...Object.fromEntries(found) };
  };
  const programFor = async (layer: number, paths: readonly string[]): Promise<Program> => {
    const key = [layer, ...paths].join();
    const known = programs.get(key) ?? (await compile(graphOf(layer, paths), { device, threads, takesTurns: true }));
    programs.set(key, known);
    return known;
  };
  return {
    async run(layer, { paths, hidden, positions, into, signal }) {
      throwIfAborted(signal);
      const kind = kinds[layer] as number;
      const program = await programFor(kind, paths);
      const feeds = { ...positions, ...weightsOf(layer), ...layerAdditions(adaptation, layer, kind), hidden };
      const { output, ...activations } = (await program.run(feeds, into?.(program.outputs))) as BlockActivations & {
        readonly output: Value<'f32'>;
      };
      if (!allFinite(output.data)) throw nonFinite(checkpoint, `layer ${layer}`, blockNames(config, layer));
      return { output, activations };
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}

const prefixOf = (layer: number) => `layers.${layer}.`;
