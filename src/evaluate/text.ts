import { CriaError } from '../base/index.ts';
import { readText } from '../data/index.ts';
import type { LoadedModel } from '../model/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import type { Predicted } from './likelihoods.ts';

/** Whether windows begin with the beginning-of-text token: as the tokenizer asks, or as somebody says. */
export type BosWish = 'auto' | 'always' | 'never';

/** A text file to predict, and how it is cut into windows. */
export interface TextOptions {
  readonly text: string;
  /** Tokens in a window; by default 512, or what the model takes. */
  readonly context?: number | undefined;
  /** How many of the first tokens of the text; all by default. */
  readonly tokens?: number | undefined;
  /** `auto` by default. */
  readonly bos?: BosWish | undefined;
}

/** A text as a model reads it. */
export interface EvaluationText {
  readonly ids: readonly number[];
  /** Tokens in a window. */
  readonly context: number;
  /** The token that every window begins with, in place of its first. */
  readonly bos: number | undefined;
}

const usualContext = 512; // llama.cpp's, and that of most tables of quantized models

/**
 * Tokenizes a text once, without special tokens.
 * @throws CriaError when it has fewer than two tokens, the windows do not fit the model, or there is no BOS to begin with.
 */
export function evaluationText(
  model: LoadedModel,
  { text, tokens, bos = 'auto', ...asked }: TextOptions,
): EvaluationText {
  const { checkpoint, config } = model;
  const context = asked.context ?? Math.min(usualContext, config.context);
  refuseLongWindows(model, context);
  const tokenizer = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
  const ids = tokenizer.encode(readText(text), { special: false }).slice(0, tokens);
  if (ids.length < 2) throw new CriaError('has fewer than two tokens', { where: text });
  return { ids, context, bos: bosOf(tokenizer, bos) };
}

/** @throws CriaError when windows are longer than the model's context. */
export function refuseLongWindows({ config, path }: LoadedModel, context: number): void {
  if (context <= config.context) return;
  const what = `windows of ${context} tokens do not fit in its context of ${config.context}`;
  throw new CriaError(what, { where: path, remedy: `pass --context ${config.context} or less` });
}

/** The token to put in front of windows, if any. @throws CriaError when it is asked for and the tokenizer has none. */
function bosOf({ encode, special }: Tokenizer, wish: BosWish): number | undefined {
  const [asked] = encode('', { continued: true });
  const bos = special.bos ?? asked;
  if (wish === 'never' || (wish === 'auto' && (asked === undefined || asked !== bos))) return undefined;
  if (bos !== undefined) return bos;
  const remedy = 'pass --bos never';
  throw new CriaError('the tokenizer has no beginning-of-text token', { where: '--bos', remedy });
}

/**
 * Windows over a text, each predicting what no earlier one did. Each begins with `bos`, where one is given, in place of its
 * first token: what is predicted stays the same. (As llama.cpp does)
 */
export function windowsOf(ids: readonly number[], context: number, stride: number, bos?: number): Predicted[] {
  const windows: Predicted[] = [];
  for (let begin = 0, seen = 0; seen < ids.length; begin += stride) {
    const window = ids.slice(begin, begin + context);
    const from = Math.max(1, seen - begin);
    if (from < window.length) windows.push({ ids: bos === undefined ? window : [bos, ...window.slice(1)], from });
    seen = begin + window.length;
  }
  return windows;
}
