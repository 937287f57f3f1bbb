import { allFinite, CriaError, throwIfAborted } from '../../base/index.ts';
import { compile, type Value, value } from '../../engine/index.ts';
import { input } from '../../tensor/index.ts';
import { blocks } from '../architecture/decoder.ts';
import type { Positions } from '../architecture/layer.ts';
import { freshPositions } from '../architecture/positions.ts';
import { activationPaths, tapsOf } from '../architecture/taps.ts';
import { promptIds } from '../weights/adapters.ts';
import { weightFeeds } from '../weights/bind.ts';
import type { Precision } from '../weights/packing.ts';
import type { Activations, Backbone, ForwardOptions, RunOptions } from './backbone.ts';
import { byLayerBackbone } from './by-layer.ts';
import { type ActivationGradients, openGradients, type Target } from './gradients.ts';
import { openHead } from './head.ts';
import { scoringNeed, usualTokens } from './memory-estimate.ts';
import type { LoadedModel, Plan } from './open.ts';
import { checkTexts, type Texts, textFeeds } from './texts.ts';

/** A model ready to read whole texts, under either plan. */
export interface Forward {
  readonly plan: Plan;
  /**
   * Runs a batch of texts from their start. @throws CriaError when a text does not suit the model, or when the hidden
   * states do not stay finite: it names the first layer where, and the tensor that is to blame.
   */
  run(texts: Texts, options?: RunOptions): Promise<Activations>;
  /**
   * Gradients of the targets' weighted log-probabilities with respect to the activations that `gradients` names, in float32.
   * @throws CriaError when a text or a target does not suit the model.
   */
  gradients(texts: Texts, targets: readonly Target[], options?: RunOptions): Promise<ActivationGradients>;
  /** Log-probabilities of `targets`, one a row of `lastHidden` [rows, width]. */
  likelihoods(lastHidden: Float32Array, targets: readonly number[]): Promise<Float32Array>;
  /** Logits [rows, vocabulary] of rows of `lastHidden`. */
  logits(lastHidden: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Compiles a model for reading whole texts; logits are computed apart, so that their size stays bounded. */
export async function openForward(model: LoadedModel, asked: ForwardOptions = {}): Promise<Forward> {
  checkPaths(model, asked);
  const wanted = asked.precision ?? (model.precision === 'auto' ? 'f32' : model.precision);
  const plan = model.planFor(scoringNeed(model, 'whole', usualTokens(model.config), wanted).peak);
  const precision = plan === 'whole' ? wanted : 'f32'; // blocks are read and run in float32
  const backbone = await (plan === 'whole' ? wholeBackbone(model, precision, asked) : byLayerBackbone(model, asked));
  const head = openHead(model, precision);
  const gradients = openGradients(model, plan, asked);
  return {
    plan,
    async run(texts, options = {}) {
      checkTexts(texts, model);
      const all = texts.map((ids) => [...promptIds(model), ...ids]);
      const { lastHidden, read } = await backbone.run(all, options);
      if (!allFinite(lastHidden.data)) await refuseLayerByLayer(model, all, asked, options);
      const own = Object.entries(read).map(([path, x]) => [path, withoutPrompt(model, x, path)] as const);
      return { lastHidden: withoutPrompt(model, lastHidden, 'norm'), read: Object.fromEntries(own) };
    },
    async gradients(texts, targets, options = {}) {
      checkTexts(texts, model);
      checkTargets(targets, texts, model);
      const before = promptIds(model);
      const all = texts.map((ids) => [...before, ...ids]);
      const shifted = targets.map((target) => ({ ...target, position: target.position + before.length }));
      const { likelihoods, gradients: found } = await gradients.run(all, shifted, options);
      const own = Object.entries(found).map(([path, x]) => [path, withoutPrompt(model, x, path)] as const);
      return { likelihoods, gradients: Object.fromEntries(own) };
    },
    ...head,
    async dispose() {
      await Promise.all([backbone.dispose(), head.dispose(), gradients.dispose()]);
    },
  };
}

/** Runs once more layer by layer, which refuses at the first layer whose results are not finite. */
async function refuseLayerByLayer(
  model: LoadedModel,
  texts: Texts,
  { edits, positions }: ForwardOptions,
  options: RunOptions,
): Promise<never> {
  const backbone = await byLayerBackbone(model, { edits, positions });
  try {
    await backbone.run(texts, options);
  } finally {
    await backbone.dispose();
  }
  throw new CriaError('the last hidden states contain NaN or Inf', { where: model.path });
}

async function wholeBackbone(model: LoadedModel, precision: Precision, options: ForwardOptions): Promise<Backbone> {
  const { config } = model;
  const bound = model.bound(precision);
  const parts = model.decoder(bound.weights);
  const taps = tapsOf(options.read ?? [], options.edits);
  const hidden = parts.embed(input('ids', 'i64', ['batch', 'seq']), taps);
  const wrapped = options.positions ?? ((own: Positions) => own);
  const positions = wrapped(freshPositions(config, 'batch', 'seq', model.adaptation.prefixTokens));
  const lastHidden = parts.norm(blocks(parts, config, hidden, positions, taps), taps);
  const program = await compile(
    { lastHidden, ...Object.fromEntries(taps.found) },
    { device: model.device, threads: model.threads, weights: bound.packed ? bound.value : undefined },
  );
  if (bound.packed) bound.release();
  const feedsOf = textFeeds(config, model.adaptation.prefixTokens);
  return {
    dispose: () => program.dispose(),
    async run(texts, { feeds = {}, signal } = {}) {
      throwIfAborted(signal);
      const results = await program.run({ ...feedsOf(texts).feeds, ...feeds, ...weightFeeds(program, bound.value) });
      const { lastHidden: last, ...read } = results as Record<string, Value<'f32'>>;
      return { lastHidden: last as Value<'f32'>, read };
    },
  };
}

/** An activation without the positions of the prompt. */
function withoutPrompt({ adaptation }: LoadedModel, x: Value<'f32'>, path: string): Value<'f32'> {
  const { leading } = adaptation;
  if (leading === 0) return x;
  const axis = path.endsWith('attention.pattern') ? 2 : 1; // whose columns stay: virtual positions are looked at
  const [outer, positions] = [x.shape.slice(0, axis), x.shape[axis] as number];
  const [blocks, row] = [outer, x.shape.slice(axis + 1)].map((dims) => dims.reduce((a, b) => a * b, 1)) as [
    number,
    number,
  ];
  const own = positions - leading;
  const data = new Float32Array(blocks * own * row);
  for (let i = 0; i < blocks; i++) {
    data.set(x.data.subarray((i * positions + leading) * row, (i + 1) * positions * row), i * own * row);
  }
  return value('f32', [...outer, own, ...x.shape.slice(axis + 1)], data);
}

function checkTargets(targets: readonly Target[], texts: Texts, { config, path }: LoadedModel): void {
  const wrong = targets.find(({ text, position, id }) => {
    const length = texts[text]?.length ?? 0;
    return !(position >= 0 && position < length && id >= 0 && id < config.vocabulary);
  });
  if (wrong === undefined) return;
  throw new CriaError(`the target ${JSON.stringify(wrong)} is out of range of the texts or the vocabulary`, {
    where: path,
  });
}

/** @throws CriaError naming a path that no activation has. */
export function checkPaths(
  { config }: LoadedModel,
  { read = [], gradients = [], edits = {} }: ForwardOptions,
  isThere = (_path: string) => true,
): void {
  const known = new Set(activationPaths(config).filter(isThere));
  const missing = [...read, ...gradients, ...Object.keys(edits)].find(
    (path) => !known.has(path.replace(/^layers\.\*\./, 'layers.0.')),
  );
  if (missing !== undefined) {
    const remedy = 'examples of paths: layers.3.attention.heads, layers.3.residual.post';
    throw new CriaError(`no activation is called ${missing}`, { remedy });
  }
}
