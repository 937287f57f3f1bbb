import { allFinite, throwIfAborted } from '../../base/index.ts';
import { compile, type Program, type Value, type Values } from '../../engine/index.ts';
import {
  differentiate,
  gradientName,
  input,
  inputsOf,
  mul,
  type Outputs,
  reshape,
  sum,
  type Tensor,
  timesDim,
} from '../../tensor/index.ts';
import type { Positions } from '../architecture/layer.ts';
import { anyLayer } from '../architecture/names.ts';
import { freshPositions } from '../architecture/positions.ts';
import { type Edits, everyLayer, tapsOf } from '../architecture/taps.ts';
import { adaptedWeights, graphTemplates, layerAdditions } from '../weights/adapters.ts';
import { blockNames, openBlocks } from '../weights/block-weights.ts';
import { nonFinite } from '../weights/finite.ts';
import { floatWeights } from '../weights/weights.ts';
import type { LoadedModel } from './open.ts';
import type { Total } from './reductions.ts';

/** Activations of one block by their path within it, as mlp.input: [batch, seq, size]. */
export type BlockActivations = Readonly<Record<string, Value<'f32'>>>;

/** The inputs of a block. */
export interface BlockInputs {
  /** Hidden states [batch, seq, hiddenSize]. */
  readonly hidden: Value<'f32'>;
  /** Positions and rotation tables: see `textFeeds`. */
  readonly positions: Values;
  /** Weights in place of the model's, by their names within a block: self_attn.q_proj.weight. */
  readonly weights?: Values | undefined;
  /** Inputs of edits and of a wrapped decoder, by name: layers.N.gain. */
  readonly feeds?: Values | undefined;
  /** Arrays that results are written into, by the program's outputs. */
  readonly into?: ((outputs: Program['outputs']) => Values) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BlockRun extends BlockInputs {
  /** Activations to return, by their paths within the block. */
  readonly paths?: readonly string[] | undefined;
  /** Totals to accumulate. */
  readonly totals?: readonly Total[] | undefined;
  /** With totals: 1 for a position that counts, 0 for padding, [batch, seq, 1]. */
  readonly counted?: Value<'f32'> | undefined;
}

export interface BlockBackward extends BlockInputs {
  /** The gradient of the block's output, [batch, seq, hiddenSize]. */
  readonly incoming: Value<'f32'>;
  /** Inputs of the graph whose gradients are returned besides that of `hidden`: layer.self_attn.q_proj.weight, layers.*.gain. */
  readonly inputs?: (name: string) => boolean;
  /** Activations whose gradients are returned, by their paths within the block. */
  readonly paths?: readonly string[];
}

/** What differs from the model's own blocks. */
export type BlockOptions = {
  readonly edits?: Edits | undefined;
  readonly positions?: ((positions: Positions) => Positions) | undefined;
};

/** Runs whole texts through one block after the other, forward and backward, in float32. */
export interface BlockRunner {
  /** @throws CriaError when hidden states do not stay finite. */
  run(layer: number, run: BlockRun): Promise<{ output: Value<'f32'>; activations: BlockActivations }>;
  /** Computes activations and totals alone: what of the block lies behind them is not computed. @throws as `run`. */
  measure(layer: number, run: BlockRun): Promise<BlockActivations>;
  /**
   * The vector-Jacobian product: gradients of <output, incoming> with respect to `hidden` and to what is asked for, by
   * name or path. The block is computed again for it.
   */
  backward(layer: number, run: BlockBackward): Promise<{ hidden: Value<'f32'>; gradients: BlockActivations }>;
  dispose(): Promise<void>;
}

/**
 * Opens a model for running block by block: a graph is compiled for each template (window, adapters, edits of one block) and
 * each set of results. With `held` weights stay in memory, else each block's are read over the last one's.
 */
export function openBlockRunner(
  model: LoadedModel,
  held: boolean,
  { edits = {}, positions: wrapped = (own) => own }: BlockOptions = {},
): BlockRunner {
  const { config, adaptation, checkpoint, device, threads } = model;
  const weightsOf = openBlocks(model, held);
  const isEdited = (layer: number) => Object.keys(edits).some((path) => path.startsWith(prefixOf(layer)));
  const templates = graphTemplates(model, isEdited);
  const programs = new Map<string, Promise<Program>>();
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const blockOf = (layer: number, paths: readonly string[]) => {
    const decoder = model.decoder(adaptedWeights(floatWeights, adaptation, config, layer));
    const taps = tapsOf(
      paths.map((path) => prefixOf(layer) + path),
      edits,
      true,
    );
    const positions = wrapped(freshPositions(config, 'batch', 'seq', adaptation.prefixTokens));
    const output = decoder.layer(layer, hidden, positions, taps, anyLayer);
    return { output, at: (path: string) => taps.found.get(prefixOf(layer) + path) as Tensor };
  };
  const forwardOf = (
    layer: number,
    paths: readonly string[],
    totals: readonly Total[],
    withOutput: boolean,
  ): Outputs => {
    const { output, at } = blockOf(layer, [...paths, ...totals.map(({ path }) => path)]);
    const sums = totals.map(({ path, reduction, value }, i) => {
      const x = mul(at(path), input('counted', 'f32', ['batch', 'seq', 1]));
      const rows = reshape(x, [timesDim('batch', 'seq'), x.shape[2] as number]);
      return [sumName(i), reduction.add(input(totalName(i), reduction.dtype, value.shape), rows)] as const;
    });
    const asked = Object.fromEntries([...paths.map((path) => [path, at(path)] as const), ...sums]);
    return withOutput ? { output, ...asked } : asked;
  };
  const backwardOf = (layer: number, paths: readonly string[], isWanted: (name: string) => boolean): Outputs => {
    const { output, at } = blockOf(layer, paths);
    const incoming = input('incoming', 'f32', ['batch', 'seq', config.hiddenSize]);
    // the gradients of <output, incoming> are the products of incoming with the Jacobian of output
    const scalar = sum(mul(output, incoming), [0, 1, 2]);
    const wanted = new Map<string, Tensor>([['hidden', hidden]]);
    for (const [name, tensor] of inputsOf({ scalar })) if (isWanted(name)) wanted.set(name, tensor);
    for (const path of paths) wanted.set(path, at(path));
    const gradients = differentiate(scalar, [...wanted.values()]);
    return Object.fromEntries(
      [...wanted.keys()].flatMap((name, i) => (gradients[i] ? [[gradientName(name), gradients[i] as Tensor]] : [])),
    );
  };
  const programFor = (key: string, graph: () => Outputs): Promise<Program> => {
    const known = programs.get(key) ?? compile(graph(), { device, threads, takesTurns: true });
    programs.set(key, known);
    return known;
  };
  const feedsFor = (layer: number, { hidden, positions, weights = {}, feeds = {} }: BlockInputs): Values => {
    const given = new Set(Object.keys(weights));
    return {
      ...positions,
      ...weightsOf(layer, given),
      ...layerAdditions(adaptation, layer, templates[layer] as number),
      ...Object.fromEntries(Object.entries(weights).map(([name, value]) => [anyLayer + name, value])),
      ...layerFeeds(feeds, layer),
      hidden,
    };
  };
  const forward = async (layer: number, run: BlockRun, withOutput: boolean): Promise<BlockActivations> => {
    const { paths = [], totals = [], counted, into, signal } = run;
    throwIfAborted(signal);
    const template = templates[layer] as number;
    const asked = totals.map(({ path, reduction }) => `${path}: ${reduction.key}`);
    const key = ['forward', withOutput, template, ...paths, ...asked].join();
    const program = await programFor(key, () => forwardOf(template, paths, totals, withOutput));
    const sofar = Object.fromEntries(totals.map(({ value }, i) => [totalName(i), value]));
    const sums = Object.fromEntries(totals.map(({ value }, i) => [sumName(i), value])); // written over what is so far
    const feeds = { ...feedsFor(layer, run), ...sofar, ...(counted ? { counted } : {}) };
    const results = await program.run(feeds, { ...into?.(program.outputs), ...sums });
    const checked = withOutput ? [results.output as Value] : Object.values(results);
    if (!checked.every(({ data }) => allFinite(data as Float32Array))) {
      throw nonFinite(checkpoint, `layer ${layer}`, blockNames(config, layer));
    }
    const names = withOutput ? ['output', ...paths] : paths;
    return Object.fromEntries(names.map((name) => [name, results[name] as Value<'f32'>]));
  };
  return {
    async run(layer, run) {
      const { output, ...activations } = await forward(layer, run, true);
      return { output: output as Value<'f32'>, activations };
    },
    measure: (layer, run) => forward(layer, run, false),
    async backward(layer, run) {
      const { incoming, paths = [], inputs = () => false, into, signal } = run;
      throwIfAborted(signal);
      const template = templates[layer] as number;
      const feeds: Values = { ...feedsFor(layer, run), incoming };
      const names = Object.keys(feeds).filter(inputs);
      const key = ['backward', template, ...paths, ...names].join();
      const program = await programFor(key, () => backwardOf(template, paths, inputs));
      const results = await program.run(feeds, into?.(program.outputs));
      const { [gradientName('hidden')]: back, ...others } = results as BlockActivations;
      const gradients = Object.entries(others).map(([name, value]) => [name.slice(gradientName('').length), value]);
      return { hidden: back as Value<'f32'>, gradients: Object.fromEntries(gradients) };
    },
    async dispose() {
      for (const program of programs.values()) await (await program).dispose();
    },
  };
}

/** Inputs as the graph of a block reads them, which may serve others: those of block `layer` under the names of any. */
export function layerFeeds(feeds: Values, layer: number): Values {
  const own = Object.entries(feeds).filter(([name]) => name.startsWith(prefixOf(layer)));
  return { ...feeds, ...Object.fromEntries(own.map(([name, value]) => [everyLayer(name), value])) };
}

const totalName = (i: number) => `total:${i}`;
const sumName = (i: number) => `sum:${i}`;
const prefixOf = (layer: number) => `layers.${layer}.`;
