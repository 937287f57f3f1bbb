import { silent, type Watch } from '../../base/index.ts';
import {
  asked,
  type ComparedWindow,
  compareToReference,
  decodeSpeed,
  type Predicted,
  type Question,
  readReference,
  tokenAccuracy,
} from '../../evaluate/index.ts';
import {
  type Config,
  type Forward,
  headName,
  type LoadedModel,
  layerShapes,
  openForward,
  weightShapes,
} from '../../model/index.ts';
import { median } from '../../statistics/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { TaskScore } from './result.ts';

/** Measures models beside the whole one. */
export interface Evaluator {
  /** The whole model itself. */
  readonly base: readonly ComparedWindow[];
  evaluate(model: LoadedModel, watch?: Watch): Promise<ComparedWindow[]>;
  dispose(): Promise<void>;
}

/** Opens the whole model as the reference of all others. */
export async function openEvaluator(model: LoadedModel, texts: readonly Predicted[], watch: Watch): Promise<Evaluator> {
  const forward = await openForward(model, { precision: 'f32' });
  const reference = await readReference(forward, texts, model.config.hiddenSize, 'exact', watch);
  const compared = (other: Forward, own: Watch) => compareToReference(reference, forward.logits, other, own);
  return {
    base: reference.windows.map(({ text, nll }, window) => {
      const tokens = text.ids.length - text.from;
      return { window, tokens, referenceNll: nll, nll, kl: 0, sameTop: tokens };
    }),
    async evaluate(other, own = {}) {
      const opened = await openForward(other, { precision: 'f32' });
      try {
        return await compared(opened, own);
      } finally {
        await opened.dispose();
      }
    },
    dispose: () => forward.dispose(),
  };
}

/** Answers of a task, right where greedy decoding would write them to the letter. */
export async function taskAccuracy(
  model: LoadedModel,
  tokenizer: Tokenizer,
  questions: readonly Question[],
  watch: Watch,
): Promise<TaskScore> {
  const forward = await openForward(model, { precision: 'f32' });
  try {
    const reader = { forward, tokenizer, context: model.config.context };
    const { accuracy, low, high, n } = await tokenAccuracy(reader, asked(questions), watch);
    return { accuracy, low, high, n };
  } finally {
    await forward.dispose();
  }
}

export interface Speedup {
  /** Medians of ratios of pairs of runs, in turn. */
  readonly decode: number;
  readonly prefill: number;
  /** What dropping layers can give at most: the weights that a decoded token reads; the layers that a prompt passes. */
  readonly ceiling: { readonly decode: number; readonly prefill: number };
}

const [pairs, decoded] = [3, 24];

/** How much faster a model is than the whole one, measured in turn, beside its ceiling. */
export async function measureSpeedup(
  whole: LoadedModel,
  pruned: LoadedModel,
  prompt: readonly number[],
  { signal, progress = silent }: Watch,
): Promise<Speedup> {
  const decode: number[] = [];
  for (let i = 0; i < pairs; i++) {
    const before = await decodeSpeed(whole, prompt.slice(0, 16), decoded, signal);
    decode.push((await decodeSpeed(pruned, prompt.slice(0, 16), decoded, signal)) / before);
    progress.step('speed', i + 1, pairs, 'pairs');
  }
  const [a, b] = [await openForward(whole), await openForward(pruned)];
  try {
    const seconds = async (forward: Forward) => {
      const begun = performance.now();
      await forward.run([prompt], { signal });
      return performance.now() - begun;
    };
    for (const forward of [a, b]) await seconds(forward);
    const prefill: number[] = [];
    for (let i = 0; i < pairs; i++) prefill.push((await seconds(a)) / (await seconds(b)));
    return { decode: median(decode), prefill: median(prefill), ceiling: ceilingOf(whole.config, pruned.config.layers) };
  } finally {
    await a.dispose();
    await b.dispose();
  }
}

/** The most that can be gained where time is in proportion to weights read (decoding) or to layers passed (prefill). */
export function ceilingOf(config: Config, kept: number): Speedup['ceiling'] {
  const size = (shape: readonly number[]) => shape.reduce((product, each) => product * each, 1);
  const block = [...layerShapes(config).values()].reduce((sum, shape) => sum + size(shape), 0);
  const head = size(weightShapes(config).get(headName(config)) as readonly number[]);
  return { decode: (config.layers * block + head) / (kept * block + head), prefill: config.layers / kept };
}
