import { compile, integers, type Program, type Value, type Values, value } from '../../engine/index.ts';
import {
  differentiate,
  gather,
  gradientName,
  input,
  logLikelihood,
  mul,
  type Outputs,
  reshape,
  sum,
  type Tensor,
  timesDim,
} from '../../tensor/index.ts';
import { blocks } from '../architecture/decoder.ts';
import { finalNormName, headName } from '../architecture/names.ts';
import { freshPositions } from '../architecture/positions.ts';
import { tapsOf } from '../architecture/taps.ts';
import { weightFeeds } from '../weights/bind.ts';
import { floatWeights } from '../weights/weights.ts';
import type { ForwardOptions, RunOptions } from './backbone.ts';
import { openBlockRunner } from './block-runner.ts';
import { embedRows } from './by-layer.ts';
import type { LoadedModel, Plan } from './open.ts';
import { type Texts, textFeeds } from './texts.ts';

/** A token whose log-probability counts: `weight` times log p(target | text up to `position`). */
export interface Target {
  /** Which of the texts. */
  readonly text: number;
  /** The position whose logits predict it. */
  readonly position: number;
  readonly id: number;
  readonly weight: number;
}

export interface ActivationGradients {
  /** Natural log-probabilities of the targets. */
  readonly likelihoods: Float32Array;
  /** Gradients of their weighted sum with respect to activations, by path, in the shape of the activation. */
  readonly gradients: Readonly<Record<string, Value<'f32'>>>;
}

export interface GradientProgram {
  run(texts: Texts, targets: readonly Target[], options?: RunOptions): Promise<ActivationGradients>;
  dispose(): Promise<void>;
}

/** Gradients of targets' log-probabilities with respect to activations, in float32, under either plan. */
export function openGradients(model: LoadedModel, plan: Plan, options: ForwardOptions): GradientProgram {
  return plan === 'whole' ? wholeGradients(model, options) : byLayerGradients(model, options);
}

function wholeGradients(
  model: LoadedModel,
  { gradients: paths = [], edits, positions = (own) => own }: ForwardOptions,
) {
  const { config, device, threads, adaptation } = model;
  const bound = model.bound('f32');
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  let program: Promise<Program> | undefined;
  const graph = (): Outputs => {
    const decoder = model.decoder(bound.weights);
    const taps = tapsOf(paths, edits);
    const at = positions(freshPositions(config, 'batch', 'seq', adaptation.prefixTokens));
    const hidden = decoder.embed(input('ids', 'i64', ['batch', 'seq']), taps);
    const lastHidden = decoder.norm(blocks(decoder, config, hidden, at, taps), taps);
    return objective(decoder.logits(rowsOf(lastHidden)), taps.found);
  };
  const own: GradientProgram = {
    async run(texts, targets, { feeds = {} } = {}) {
      program ??= compile(graph(), { device, threads });
      const compiled = await program;
      const { feeds: positionFeeds, seq } = feedsOf(texts);
      const weights = weightFeeds(compiled, bound.value);
      const results = await compiled.run({ ...weights, ...positionFeeds, ...feeds, ...targetFeeds(targets, seq) });
      return resultsOf(results);
    },
    dispose: async () => (await program)?.dispose(),
  };
  return own;
}

/** Keeps what each block reads, and computes each block again on the way back. */
function byLayerGradients(model: LoadedModel, options: ForwardOptions): GradientProgram {
  const { config, device, threads, adaptation } = model;
  const { gradients: paths = [], edits, positions } = options;
  const bound = model.bound('f32');
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const runner = openBlockRunner(model, false, { edits, positions });
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const embedding = tapsOf([], edits);
  let bottom: Promise<Program> | undefined;
  let top: Promise<Program> | undefined;
  const head = (): Outputs => {
    const decoder = model.decoder(floatWeights);
    const taps = tapsOf(
      paths.filter((path) => path === 'norm'),
      edits,
    );
    const lastHidden = decoder.norm(hidden, taps);
    return objective(decoder.logits(rowsOf(lastHidden)), new Map([['hidden', hidden], ...taps.found]));
  };
  return {
    async run(texts, targets, { feeds = {}, signal } = {}) {
      const { feeds: positionFeeds, seq } = feedsOf(texts);
      let first = embedRows(model, texts, seq);
      if (embedding.wants('embedding')) {
        bottom ??= compile({ edited: embedding.at('embedding', hidden) }, { device, threads });
        first = (await (await bottom).run({ ...feeds, hidden: first })).edited as Value<'f32'>;
      }
      const states = [first];
      for (let layer = 0; layer < config.layers; layer++) {
        const state = states[layer] as Value<'f32'>;
        const { output } = await runner.run(layer, { hidden: state, positions: positionFeeds, feeds, signal });
        states.push(output);
      }
      top ??= compile(head(), { device, threads });
      const compiled = await top;
      const weights = Object.fromEntries(
        [finalNormName, headName(config)].map((name) => [name, bound.value(name) as Value]),
      );
      const state = states.pop() as Value<'f32'>;
      const results = resultsOf(
        await compiled.run({ ...weights, ...feeds, ...targetFeeds(targets, seq), hidden: state }),
      );
      let { hidden: incoming, ...gradients } = results.gradients as Record<string, Value<'f32'>>;
      for (let layer = config.layers - 1; layer >= 0; layer--) {
        const prefix = `layers.${layer}.`;
        const own = paths.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []));
        const back = await runner.backward(layer, {
          hidden: states.pop() as Value<'f32'>,
          incoming: incoming as Value<'f32'>,
          positions: positionFeeds,
          paths: own,
          feeds,
          signal,
        });
        for (const path of own) gradients = { ...gradients, [prefix + path]: back.gradients[path] as Value<'f32'> };
        incoming = back.hidden;
      }
      if (paths.includes('embedding')) gradients = { ...gradients, embedding: incoming as Value<'f32'> };
      return { likelihoods: results.likelihoods, gradients };
    },
    async dispose() {
      await Promise.all([runner.dispose(), (await top)?.dispose(), (await bottom)?.dispose()]);
    },
  };
}

/** The rows [rows, hiddenSize] of the targets. */
function rowsOf(lastHidden: Tensor): Tensor {
  const [batch, seq, size] = lastHidden.shape as [string, string, number];
  return gather(reshape(lastHidden, [timesDim(batch, seq), size]), input('target:rows', 'i64', ['rows']));
}

function objective(logits: Tensor, activations: ReadonlyMap<string, Tensor>): Outputs {
  const likelihoods = logLikelihood(logits, input('target:ids', 'i64', ['rows']));
  const total = sum(mul(likelihoods, input('target:weights', 'f32', ['rows'])), [0]);
  const gradients = differentiate(total, [...activations.values()]);
  const named = [...activations].flatMap(([path], i) =>
    gradients[i] ? [[gradientName(path), gradients[i]] as const] : [],
  );
  return { likelihoods, ...Object.fromEntries(named) };
}

function targetFeeds(targets: readonly Target[], seq: number): Values {
  return {
    'target:rows': integers(targets.map(({ text, position }) => text * seq + position)),
    'target:ids': integers(targets.map(({ id }) => id)),
    'target:weights': value(
      'f32',
      [targets.length],
      Float32Array.from(targets, ({ weight }) => weight),
    ),
  };
}

function resultsOf({ likelihoods, ...gradients }: Values): ActivationGradients {
  const prefix = gradientName('').length;
  return {
    likelihoods: (likelihoods as Value<'f32'>).data,
    gradients: Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => [name.slice(prefix), gradient as Value<'f32'>]),
    ),
  };
}
