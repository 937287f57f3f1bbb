import { statSync } from 'node:fs';
import { CriaError, type Watch } from '../../base/index.ts';
import {
  type ComparedWindow,
  type Comparison,
  compareToReference,
  comparisonOf,
  type EvaluationText,
  type KlKind,
  type Reference,
  readReference,
  refuseLongWindows,
  windowsOf,
} from '../../evaluate/index.ts';
import { type LoadedModel, openForward, openHead } from '../../model/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';

/** What is kept of the reference, and the seed of the intervals. */
export interface ComparisonOptions {
  readonly kl: KlKind;
  readonly seed: number;
}

/** A model that others are compared with: it has read the text. */
export interface OpenedReference extends EvaluationText {
  /** Reads the text with another model. @throws CriaError when it does not read the same windows. */
  compare(model: LoadedModel, watch: Watch): Promise<{ windows: ComparedWindow[]; comparison: Comparison }>;
  /** exp of the mean negative log-likelihood. */
  readonly perplexity: number;
  dispose(): Promise<void>;
}

/** Reads a text with the reference. Its weights but those of the head are forgotten afterwards. */
export async function openReference(
  model: LoadedModel,
  text: EvaluationText,
  asked: ComparisonOptions,
  watch: Watch,
): Promise<OpenedReference> {
  const { ids, context, bos } = text;
  const texts = windowsOf(ids, context, context, bos);
  const forward = await openForward(model, { precision: 'f32' });
  let reference: Reference;
  try {
    reference = await readReference(forward, texts, model.config.hiddenSize, asked.kl, watch);
  } finally {
    await forward.dispose();
    model.bound('f32').release();
  }
  const head = openHead(model, 'f32');
  const { windows } = reference;
  const predicted = texts.reduce((sum, window) => sum + window.ids.length - window.from, 0);
  return {
    ...text,
    perplexity: Math.exp(windows.reduce((sum, { nll }) => sum + nll, 0) / predicted),
    async compare(other, own) {
      refuseIncomparable(model, other, context);
      const opened = await openForward(other, { precision: 'f32' });
      try {
        const compared = await compareToReference(reference, head.logits, opened, own);
        return { windows: compared, comparison: comparisonOf(compared, asked.seed) };
      } finally {
        await opened.dispose();
        other.bound('f32').release();
      }
    },
    dispose: () => head.dispose(),
  };
}

/** @throws CriaError when ids mean different tokens in two models, or windows are longer than the second one's context. */
export function refuseIncomparable(a: LoadedModel, b: LoadedModel, context: number): void {
  const [own, other] = [a, b].map(({ checkpoint: { tokenizer, generation } }) => openTokenizer(tokenizer, generation));
  const sizes = [a.config.vocabulary, b.config.vocabulary];
  const probes = Array.from({ length: 64 }, (_, i) => Math.floor(((sizes[0] as number) * i) / 64));
  const spelled = (of: typeof own) => probes.map((id) => of?.decode([id]));
  if (sizes[0] !== sizes[1] || String(spelled(own)) !== String(spelled(other))) {
    const remedy = 'compare models that share a tokenizer';
    throw new CriaError(`has another vocabulary than ${a.path}`, { where: b.path, remedy });
  }
  refuseLongWindows(b, context);
}

/** The bytes of a model's weight files. */
export function weightBytes({ checkpoint }: LoadedModel): number {
  const files = new Set([...checkpoint.tensors.values()].map(({ file }) => file));
  return [...files].reduce((sum, file) => sum + statSync(file).size, 0);
}
