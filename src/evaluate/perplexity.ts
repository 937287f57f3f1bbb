import { CriaError, type Watch } from '../base/index.ts';
import type { Forward } from '../model/index.ts';
import { clusterMean, z95 } from '../statistics/index.ts';
import { logLikelihoods } from './likelihoods.ts';
import { windowsOf } from './text.ts';

export interface PerplexityOptions extends Watch {
  /** Tokens in a window. */
  readonly context: number;
  /** Tokens from one window's start to the next's; `context` when it is not given: windows that do not overlap. */
  readonly stride?: number;
  /** The token that every window begins with, in place of its first. */
  readonly bos?: number;
}

export interface Perplexity {
  /** Mean negative log-likelihood of the predicted tokens, in nats. */
  readonly nll: number;
  /** exp(nll). */
  readonly perplexity: number;
  /** Ends of the perplexity's 95% confidence interval; windows are its sample. Undefined for one window. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** How many tokens were predicted. */
  readonly predicted: number;
  /** Tokens read (a token in two windows twice) in a second. */
  readonly tokensPerSecond: number;
}

/**
 * The perplexity of a text in windows: every token is predicted once, from the tokens before it in its window; the
 * first token of the text, and with windows that do not overlap the first of each, is not predicted, with `bos`
 * or without. The interval
 * is normal on the mean negative log-likelihood, with the standard error of windows as clusters.
 * @throws CriaError when the text has fewer than two tokens or the options do not fit together.
 */
export async function perplexity(
  forward: Forward,
  ids: readonly number[],
  { context, stride = context, bos, ...watch }: PerplexityOptions,
): Promise<Perplexity> {
  if (ids.length < 2) throw new CriaError('the text has fewer than two tokens');
  if (context < 2) throw new CriaError(`the context must be at least 2 (got ${context})`);
  if (stride < 1 || stride > context) {
    const remedy = `use 1 to ${context}`;
    throw new CriaError(`the stride must be at most the context of ${context} tokens (got ${stride})`, { remedy });
  }
  const windows = windowsOf(ids, context, stride, bos);
  const begun = performance.now();
  const likelihoods = await logLikelihoods(forward, windows, watch);
  const seconds = (performance.now() - begun) / 1000;
  const clusters = likelihoods.map((values) => ({ sum: -values.reduce((a, b) => a + b, 0), count: values.length }));
  const { mean: nll, standardError } = clusterMean(clusters);
  const at = (z: number) => (standardError === undefined ? undefined : Math.exp(nll + z * standardError));
  return {
    nll,
    perplexity: Math.exp(nll),
    low: at(-z95),
    high: at(z95),
    predicted: clusters.reduce((sum, { count }) => sum + count, 0),
    tokensPerSecond: windows.reduce((sum, window) => sum + window.ids.length, 0) / seconds,
  };
}
