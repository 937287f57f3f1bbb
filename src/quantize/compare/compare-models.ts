import { statSync } from 'node:fs';
import { CriaError, type Watch } from '../../base/index.ts';
import { readText } from '../../data/index.ts';
import {
  type ComparedWindow,
  type Comparison,
  compareToReference,
  comparisonOf,
  decodeSpeed,
  type KlKind,
  type Reference,
  readReference,
  windowsOf,
} from '../../evaluate/index.ts';
import { type LoadedModel, openForward, openHead } from '../../model/index.ts';
import { openTokenizer } from '../../tokenizer/index.ts';

/** The text that models are compared on, and how. */
export interface ComparisonText {
  readonly text: string;
  /** Tokens in a window; by default 512, or what the models take. */
  readonly context?: number | undefined;
  /** How many of the first tokens of the text; all by default. */
  readonly tokens?: number | undefined;
  readonly kl: KlKind;
  readonly seed: number;
}

const usualContext = 512; // as perplexity has it

/** A model that others are compared with: it has read the text. */
export interface OpenedReference {
  /** Reads the text with another model. @throws CriaError when it has another vocabulary. */
  compare(model: LoadedModel, watch: Watch): Promise<{ windows: ComparedWindow[]; comparison: Comparison }>;
  /** exp of the mean negative log-likelihood. */
  readonly perplexity: number;
  readonly context: number;
  /** The ids of the text. */
  readonly ids: readonly number[];
  dispose(): Promise<void>;
}

/**
 * Reads a text with the reference. Its weights but those of the head are forgotten afterwards.
 * @throws CriaError when the text is too short or the windows do not fit the model.
 */
export async function openReference(model: LoadedModel, asked: ComparisonText, watch: Watch): Promise<OpenedReference> {
  const { config, checkpoint } = model;
  const context = asked.context ?? Math.min(usualContext, config.context);
  refuseLong(model, context);
  const tokenizer = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
  const ids = tokenizer.encode(readText(asked.text), { special: false }).slice(0, asked.tokens);
  if (ids.length < 2) throw new CriaError('has fewer than two tokens', { where: asked.text });
  const forward = await openForward(model, { precision: 'f32' });
  let reference: Reference;
  try {
    reference = await readReference(forward, windowsOf(ids, context, context), config.hiddenSize, asked.kl, watch);
  } finally {
    await forward.dispose();
    model.bound('f32').release();
  }
  const head = openHead(model, 'f32');
  const { windows } = reference;
  const predicted = windows.reduce((sum, { text }) => sum + text.ids.length - text.from, 0);
  return {
    context,
    ids,
    perplexity: Math.exp(windows.reduce((sum, { nll }) => sum + nll, 0) / predicted),
    async compare(other, own) {
      refuseOtherVocabulary(model, other);
      refuseLong(other, context);
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

function refuseLong({ config, path }: LoadedModel, context: number): void {
  if (context <= config.context) return;
  const what = `windows of ${context} tokens do not fit its ${config.context} positions`;
  throw new CriaError(what, { where: path, remedy: `give --context ${config.context} or less` });
}

/** @throws CriaError when ids mean different tokens in two models. */
function refuseOtherVocabulary(a: LoadedModel, b: LoadedModel): void {
  const [own, other] = [a, b].map(({ checkpoint: { tokenizer, generation } }) => openTokenizer(tokenizer, generation));
  const sizes = [a.config.vocabulary, b.config.vocabulary];
  const probes = Array.from({ length: 64 }, (_, i) => Math.floor(((sizes[0] as number) * i) / 64));
  const spelled = (of: typeof own) => probes.map((id) => of?.decode([id]));
  if (sizes[0] === sizes[1] && String(spelled(own)) === String(spelled(other))) return;
  const remedy = 'compare models that share a tokenizer';
  throw new CriaError(`has another vocabulary than ${a.path}`, { where: b.path, remedy });
}

/** The bytes of a model's weight files. */
export function weightBytes({ checkpoint }: LoadedModel): number {
  const files = new Set([...checkpoint.tensors.values()].map(({ file }) => file));
  return [...files].reduce((sum, file) => sum + statSync(file).size, 0);
}

const promptTokens = 32;

/** Tokens a second of greedy decoding after the first tokens of the text. */
export async function speedOf(model: LoadedModel, ids: readonly number[], tokens: number, signal?: AbortSignal) {
  const speed = await decodeSpeed(model, ids.slice(0, promptTokens), tokens, signal);
  model.bound().release();
  return speed;
}
