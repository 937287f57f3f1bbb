import { type Program, scratch, type Value, type Values, value } from '../../engine/index.ts';
import { promptIds } from '../weights/adapters.ts';
import { type BlockActivations, type BlockRunner, openBlockRunner } from './block-runner.ts';
import { embedRows } from './by-layer.ts';
import { hiddenStates } from './hidden-states.ts';
import type { LoadedModel } from './open.ts';
import type { Total } from './reductions.ts';
import { checkTexts, type Texts, textFeeds } from './texts.ts';

export interface SweepOptions {
  /** Texts that are run at once. */
  readonly batch?: number;
  /** A file for the hidden states of all texts, where they are too many for memory; it is removed at the end. */
  readonly file?: string;
  /** Compiled blocks to share with other sweeps over the same model; the caller disposes of them. */
  readonly runner?: BlockRunner;
}

/** A pass of all batches through one block. */
export interface SweepRun {
  /** Weights in place of the model's, by their names within a block: self_attn.q_proj.weight. */
  readonly weights?: Values;
  /** Inputs of edits and of a wrapped decoder, by name. */
  readonly feeds?: Values;
  /** Totals that are accumulated over the positions of all texts, padding not counted. */
  readonly totals?: readonly Total[];
  /** Activations that `show` is given, by their paths within the block. */
  readonly paths?: readonly string[];
  /** Is shown the activations of each batch, which the next batch is written over. */
  show?(batch: number, activations: BlockActivations): Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Texts on their way through a model, block outside and batches inside: each block's weights are read once, whatever the
 * number of texts. A pass can be repeated with other weights before the sweep moves on, which is how blocks are
 * pruned and quantized one after the other on what the changed blocks before them give.
 */
export interface BlockSweep {
  /** The block whose inputs are held: 0 at the start, the number of layers behind the last block. */
  readonly layer: number;
  readonly batches: number;
  /** Positions of all texts, padding not counted. */
  readonly positions: number;
  /** Computes what is asked of every batch and stays in front of the block. @throws CriaError when numbers do not stay finite. */
  run(run?: SweepRun): Promise<void>;
  /** The same, and the outputs become the inputs of the next block. */
  advance(run?: SweepRun): Promise<void>;
  /** What the block reads of a batch, [texts, seq, hiddenSize]; only until the next call. */
  hidden(batch: number): Value<'f32'>;
  dispose(): Promise<void>;
}

/**
 * Opens a sweep over texts, in front of the first block, in float32.
 * @throws CriaError when a text does not suit the model, or the file cannot be written.
 */
export function openBlockSweep(model: LoadedModel, texts: Texts, options: SweepOptions = {}): BlockSweep {
  const { config, adaptation } = model;
  const { batch: size = 4, file } = options;
  checkTexts(texts, model);
  const runner = options.runner ?? openBlockRunner(model, false);
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const all = texts.map((ids) => [...promptIds(model), ...ids]);
  const batches = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
  const longest = (batch: Texts) => Math.max(...batch.map((ids) => ids.length));
  const states = hiddenStates(
    batches.map((batch) => [batch.length, longest(batch), config.hiddenSize]),
    file,
  );
  for (const [i, batch] of batches.entries()) states.set(i, embedRows(model, batch, longest(batch)));
  const room = scratch();
  let layer = 0;
  const pass = async ({ show, ...run }: SweepRun, keep: boolean) => {
    for (const [i, batch] of batches.entries()) {
      const { feeds: positions, seq } = feedsOf(batch);
      const sizes: Readonly<Record<string, number>> = { batch: batch.length, seq };
      const into = (outputs: Program['outputs']) =>
        Object.fromEntries(
          [...outputs].map(([name, { dtype, shape }]) => {
            const dims = shape.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim] as number)));
            return [name, room(name, dtype, dims)];
          }),
        );
      const counted = run.totals && countedPositions(batch, seq);
      const inputs = { ...run, hidden: states.get(i), positions, counted, into };
      if (!keep) {
        const activations = await runner.measure(layer, inputs);
        await show?.(i, activations);
        continue;
      }
      const { output, activations } = await runner.run(layer, inputs);
      await show?.(i, activations);
      states.set(i, output);
    }
    if (keep) layer++;
  };
  return {
    get layer() {
      return layer;
    },
    batches: batches.length,
    positions: all.reduce((sum, ids) => sum + ids.length, 0),
    run: (run = {}) => pass(run, false),
    advance: (run = {}) => pass(run, true),
    hidden: (batch) => states.get(batch),
    async dispose() {
      states.dispose();
      if (!options.runner) await runner.dispose();
    },
  };
}

/** 1 for a position of a text and 0 for padding, [texts, seq, 1]. */
function countedPositions(batch: Texts, seq: number): Value<'f32'> {
  const data = new Float32Array(batch.length * seq);
  for (const [i, ids] of batch.entries()) data.fill(1, i * seq, i * seq + ids.length);
  return value('f32', [batch.length, seq, 1], data);
}
