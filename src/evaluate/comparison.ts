import { CriaError, gibibytes, type Watch } from '../base/index.ts';
import { argmax, type Forward, logSumExp } from '../model/index.ts';
import { bca, type Estimate } from '../statistics/index.ts';
import { type CompactRow, compactRow, klBound, klDivergence } from './divergence.ts';
import { forBatches, forLogits, type Predicted } from './likelihoods.ts';

/**
 * What is kept of the reference: `exact` keeps its final hidden states, from which its logits are computed again;
 * `bound` its 10 likeliest tokens a position, which bound the divergence from below.
 */
export type KlKind = 'exact' | 'bound';

/** What a reference model said about a text. */
export interface Reference {
  readonly kl: KlKind;
  readonly windows: readonly ReferenceWindow[];
}

interface ReferenceWindow {
  readonly text: Predicted;
  /** Negative log-likelihood summed over the predicted tokens. */
  readonly nll: number;
  /** The likeliest token at each predicted position. */
  readonly top: Int32Array;
  /** Final hidden states [predicted, width] (exact). */
  readonly lastHidden: Float32Array;
  /** logSumExp of the logits at each predicted position. */
  readonly normalisers: Float64Array;
  readonly compact: readonly CompactRow[];
}

/** One window under the reference and under a model. Sums are over its predicted tokens. */
export interface ComparedWindow {
  readonly window: number;
  readonly tokens: number;
  readonly referenceNll: number;
  readonly nll: number;
  readonly kl: number;
  /** Positions where both find the same token likeliest. */
  readonly sameTop: number;
}

const kept = 10; // likeliest tokens of a compact row
const mostHidden = 2 ** 31; // bytes of hidden states

/** Reads windows with the reference. @throws CriaError when the hidden states would take more than 2 GiB. */
export async function readReference(
  forward: Forward,
  texts: readonly Predicted[],
  width: number,
  kl: KlKind,
  watch: Watch = {},
): Promise<Reference> {
  const predicted = texts.reduce((sum, { ids, from }) => sum + ids.length - from, 0);
  const bytes = predicted * width * 4;
  if (kl === 'exact' && bytes > mostHidden) {
    const remedy = 'use fewer --tokens, or --kl bound';
    throw new CriaError(`the hidden states of the reference would take ${gibibytes(bytes)}`, { remedy });
  }
  const windows: ReferenceWindow[] = [];
  await forBatches(forward, texts, watch, async (batch) => {
    for (const { index, text, lastHidden } of batch) {
      const tokens = text.ids.length - text.from;
      const [top, normalisers] = [new Int32Array(tokens), new Float64Array(tokens)];
      const compact: CompactRow[] = [];
      let nll = 0;
      await forLogits(forward, lastHidden, width, (row, logits) => {
        const normaliser = logSumExp(logits);
        nll += normaliser - targetLogit(logits, text, row);
        top[row] = argmax(logits);
        normalisers[row] = normaliser;
        if (kl === 'bound') compact.push(compactRow({ logits, normaliser }, kept));
      });
      const hidden = kl === 'exact' ? lastHidden.slice() : new Float32Array();
      windows[index] = { text, nll, top, normalisers, lastHidden: hidden, compact };
    }
  });
  return { kl, windows };
}

/**
 * Reads the same windows with a model. `referenceLogits` are the reference's logits of its hidden states, which an exact
 * divergence needs.
 */
export async function compareToReference(
  reference: Reference,
  referenceLogits: Forward['logits'],
  forward: Forward,
  watch: Watch = {},
): Promise<ComparedWindow[]> {
  const compared: ComparedWindow[] = [];
  const texts = reference.windows.map(({ text }) => text);
  await forBatches(forward, texts, watch, async (batch) => {
    for (const { index, text, lastHidden } of batch) {
      const own = reference.windows[index] as ReferenceWindow;
      const tokens = text.ids.length - text.from;
      const [width, referenceWidth] = [lastHidden.length / tokens, own.lastHidden.length / tokens];
      let [nll, kl, sameTop] = [0, 0, 0];
      for (let from = 0; from < tokens; from += rowsAtOnce) {
        const to = Math.min(tokens, from + rowsAtOnce);
        const hidden = own.lastHidden.subarray(from * referenceWidth, to * referenceWidth);
        const teacher = reference.kl === 'exact' ? await referenceLogits(hidden) : undefined;
        await forLogits(forward, lastHidden.subarray(from * width, to * width), width, (i, logits) => {
          const row = from + i;
          const { length } = logits;
          const q = { logits, normaliser: logSumExp(logits) };
          nll += q.normaliser - targetLogit(logits, text, row);
          if (argmax(logits) === own.top[row]) sameTop++;
          if (!teacher) kl += klBound(own.compact[row] as CompactRow, q);
          else {
            const p = {
              logits: teacher.subarray(i * length, (i + 1) * length),
              normaliser: own.normalisers[row] as number,
            };
            kl += klDivergence(p, q);
          }
        });
      }
      compared[index] = { window: index, tokens, referenceNll: own.nll, nll, kl, sameTop };
    }
  });
  return compared;
}

const rowsAtOnce = 64; // of logits of both models

/** The logit of the token that a row predicts. */
function targetLogit(logits: Float32Array, { ids, from }: Predicted, row: number): number {
  return logits[ids[from + row] as number] as number;
}

/** A model beside the reference on the same text. */
export interface Comparison {
  readonly perplexity: number;
  readonly referencePerplexity: number;
  /** Mean negative log-likelihood of the model less that of the reference, in nats, with its 95% interval. */
  readonly deltaNll: number;
  /** Undefined for fewer than two windows. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** Mean KL(reference || model) over predicted positions, in nats. */
  readonly kl: number;
  /** The share of positions with the same likeliest token. */
  readonly sameTop: number;
  readonly predicted: number;
}

/** The figures of compared windows; windows are the sample of the interval (BCa bootstrap of the paired difference). */
export function comparisonOf(windows: readonly ComparedWindow[], seed = 0): Comparison {
  const total = (of: (window: ComparedWindow) => number) => windows.reduce((sum, window) => sum + of(window), 0);
  const predicted = total(({ tokens }) => tokens);
  const difference = (items: Uint32Array): number => {
    let [sum, tokens] = [0, 0];
    for (const item of items) {
      const window = windows[item] as ComparedWindow;
      sum += window.nll - window.referenceNll;
      tokens += window.tokens;
    }
    return sum / tokens;
  };
  const estimate: Estimate | undefined = windows.length > 1 ? bca(windows.length, difference, { seed }) : undefined;
  return {
    perplexity: Math.exp(total(({ nll }) => nll) / predicted),
    referencePerplexity: Math.exp(total(({ referenceNll }) => referenceNll) / predicted),
    deltaNll: total(({ nll, referenceNll }) => nll - referenceNll) / predicted,
    low: estimate?.low,
    high: estimate?.high,
    kl: total(({ kl }) => kl) / predicted,
    sameTop: total(({ sameTop }) => sameTop) / predicted,
    predicted,
  };
}
