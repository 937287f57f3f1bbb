import { CriaError, throwIfAborted } from '../base/index.ts';
import { compile, integers, type Program, type Value, type Values, value } from '../engine/index.ts';
import { input, logLikelihood, type Tensor } from '../tensor/index.ts';
import { blocks, decoder } from './decoder.ts';
import { layerTrunk } from './layerwise.ts';
import type { LoadedModel, Plan } from './open.ts';
import type { Precision } from './packing.ts';
import { freshPositions, positionInputs } from './positions.ts';
import { rotaryFeeds } from './rope-feeds.ts';
import { type Edit, tapsOf } from './taps.ts';

export interface ForwardOptions {
  /** Activations to return, by path (see taps.ts). */
  readonly read?: readonly string[];
  /** Activations to replace, by path. */
  readonly edits?: Readonly<Record<string, Edit>>;
  readonly precision?: Precision;
}

/** What a forward pass gives for texts that were padded on the right to one length. */
export interface Activations {
  /** The final hidden states after the norm, [batch, seq, width]. */
  readonly normed: Value<'f32'>;
  /** The activations that were asked for. */
  readonly read: Readonly<Record<string, Value<'f32'>>>;
}

/** A model ready to read whole texts, under either plan. */
export interface Forward {
  readonly plan: Plan;
  /** Runs a batch of texts from their start. @throws CriaError when an id is not in the vocabulary. */
  run(texts: readonly (readonly number[])[], signal?: AbortSignal): Promise<Activations>;
  /** Log-probabilities of `targets`, one a row of `normed` [rows, width]. */
  likelihoods(normed: Float32Array, targets: readonly number[]): Promise<Float32Array>;
  /** Logits [rows, vocabulary] of rows of `normed`. */
  logits(normed: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** The part of a model below its head: texts to activations. */
export interface Trunk {
  run(texts: readonly (readonly number[])[], signal?: AbortSignal): Promise<Activations>;
  dispose(): Promise<void>;
}

/** Compiles a model for reading whole texts; logits are computed apart, so that their size stays bounded. */
export async function openForward(model: LoadedModel, options: ForwardOptions = {}): Promise<Forward> {
  const precision = options.precision ?? (model.precision === 'auto' ? 'f32' : model.precision);
  const plan = model.planFor(precision, roomForActivations);
  const trunk = await (plan === 'whole' ? wholeTrunk(model, precision, options) : layerTrunk(model, options));
  const head = openHead(model, precision);
  return {
    plan,
    run(texts, signal) {
      checkTexts(texts, model);
      return trunk.run(texts, signal);
    },
    ...head,
    async dispose() {
      await Promise.all([trunk.dispose(), head.dispose()]);
    },
  };
}

const roomForActivations = 2 ** 30;

async function wholeTrunk(model: LoadedModel, precision: Precision, options: ForwardOptions): Promise<Trunk> {
  const { config } = model;
  const bound = model.bound(precision);
  const parts = decoder(config, bound.weights);
  const taps = tapsOf(options.read ?? [], options.edits);
  const hidden = parts.embed(input('ids', 'i64', ['batch', 'seq']), taps);
  const normed = parts.norm(blocks(parts, config, hidden, freshPositions(config), taps), taps);
  checkFound(options.read ?? [], taps.found);
  const program = await compile(
    { normed, ...Object.fromEntries(taps.found) },
    { device: model.device, threads: model.threads, weights: bound.packed ? bound.value : undefined },
  );
  if (bound.packed) bound.release();
  const rope = rotaryFeeds(config);
  return {
    dispose: () => program.dispose(),
    async run(texts, signal) {
      throwIfAborted(signal);
      const { feeds, seq } = textFeeds(texts);
      const results = await program.run({ ...feeds, ...rope(seq), ...weightFeeds(program, bound.value) });
      const { normed: last, ...read } = results as Record<string, Value<'f32'>>;
      return { normed: last as Value<'f32'>, read };
    },
  };
}

/** The weights that a program reads as inputs. */
export function weightFeeds(program: Program, lookUp: (name: string) => Value | undefined): Values {
  const feeds: Record<string, Value> = {};
  for (const name of program.inputs.keys()) {
    const weight = lookUp(name);
    if (weight) feeds[name] = weight;
  }
  return feeds;
}

/** Ids padded on the right with 0 (no real position sees them), and positions. */
export function textFeeds(texts: readonly (readonly number[])[]): { feeds: Values; seq: number } {
  const seq = Math.max(...texts.map((ids) => ids.length));
  const padded = texts.flatMap((ids) => [...ids, ...Array<number>(seq - ids.length).fill(0)]);
  const positions = texts.flatMap(() => Array.from({ length: seq }, (_, i) => i));
  const shape = [texts.length, seq];
  return { seq, feeds: { ids: integers(padded, shape), [positionInputs.positions]: integers(positions, shape) } };
}

const rowsAtOnce = 256; // logits of 256 rows of a vocabulary of 128,000 take 131 MB

function openHead(model: LoadedModel, precision: Precision) {
  const { config, device, threads } = model;
  const { width, vocabulary } = config;
  const bound = model.bound(precision);
  const head = decoder(config, bound.weights);
  const rows = input('normed', 'f32', ['rows', width]);
  const programs = new Map<string, Promise<Program>>();
  const program = (name: string, output: () => Tensor): Promise<Program> => {
    const weights = bound.packed ? bound.value : undefined;
    const known = programs.get(name) ?? compile({ [name]: output() }, { device, threads, weights });
    programs.set(name, known);
    return known;
  };
  const perRows = async (
    normed: Float32Array,
    compiled: Program,
    into: Float32Array,
    extra: (from: number, to: number) => Values,
  ): Promise<Float32Array> => {
    const count = normed.length / width;
    const weights = weightFeeds(compiled, bound.value);
    for (let from = 0; from < count; from += rowsAtOnce) {
      const to = Math.min(count, from + rowsAtOnce);
      const piece = value('f32', [to - from, width], normed.subarray(from * width, to * width));
      const results = await compiled.run({ ...weights, normed: piece, ...extra(from, to) });
      const result = Object.values(results)[0] as Value<'f32'>;
      into.set(result.data, (from * into.length) / count);
    }
    return into;
  };
  return {
    async likelihoods(normed: Float32Array, targets: readonly number[]): Promise<Float32Array> {
      const compiled = await program('likelihood', () =>
        logLikelihood(head.logits(rows), input('targets', 'i64', ['rows'])),
      );
      const into = new Float32Array(targets.length);
      return perRows(normed, compiled, into, (from, to) => ({ targets: integers(targets.slice(from, to)) }));
    },
    async logits(normed: Float32Array): Promise<Float32Array> {
      const compiled = await program('logits', () => head.logits(rows));
      return perRows(normed, compiled, new Float32Array((normed.length / width) * vocabulary), () => ({}));
    },
    async dispose(): Promise<void> {
      for (const compiled of programs.values()) await (await compiled).dispose();
    },
  };
}

/** @throws CriaError when a text is empty or longer than the context, or an id is not in the vocabulary. */
export function checkTexts(texts: readonly (readonly number[])[], model: LoadedModel): void {
  const { vocabulary, context } = model.config;
  for (const [i, ids] of texts.entries()) {
    if (ids.length === 0) throw new CriaError(`text ${i} has no tokens`, { where: model.path });
    if (ids.length > context) {
      const what = `${ids.length} tokens do not fit into the context of ${context}`;
      throw new CriaError(what, { where: model.path, remedy: 'shorten the text' });
    }
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (wrong !== undefined) {
      throw new CriaError(`the id ${wrong} is not in the vocabulary of ${vocabulary}`, { where: model.path });
    }
  }
}

/** @throws CriaError naming a path that no activation has. */
export function checkFound(wanted: readonly string[], found: ReadonlyMap<string, unknown>): void {
  const missing = wanted.find((path) => !found.has(path));
  if (missing !== undefined) {
    const remedy = 'paths are like layers.3.attention.heads or layers.3.residual.post';
    throw new CriaError(`no activation is called ${missing}`, { remedy });
  }
}
