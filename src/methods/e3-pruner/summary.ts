import { type ComparedWindow, type Comparison, comparisonOf } from '../../evaluate/index.ts';
import { clusterMean, z95 } from '../../statistics/index.ts';
import { type Cut, type E3Result, own, ownCut } from './result.ts';

/** A perplexity with its 95% interval, windows as the sample; no interval for one window. */
export interface PerplexityEstimate {
  readonly value: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

export function perplexityOf(windows: readonly ComparedWindow[]): PerplexityEstimate {
  const { mean, standardError } = clusterMean(windows.map(({ nll, tokens }) => ({ sum: nll, count: tokens })));
  const at = (z: number) => (standardError === undefined ? undefined : Math.exp(mean + z * standardError));
  return { value: Math.exp(mean), low: at(-z95), high: at(z95) };
}

/** How close a model is to the whole one. */
export type Agreement = Pick<Comparison, 'sameTop' | 'kl' | 'deltaNll' | 'low' | 'high'>;

function agreementOf(windows: readonly ComparedWindow[], seed: number): Agreement {
  const { sameTop, kl, deltaNll, low, high } = comparisonOf(windows, seed);
  return { sameTop, kl, deltaNll, low, high };
}

/** The figures of a run: all but the speeds can be computed again from rows.jsonl. */
export interface Summary {
  readonly kept: readonly number[];
  readonly dropped: readonly number[];
  readonly perplexityBefore: number;
  readonly perplexitySearched: number;
  /** After recovery; as searched where there was none. */
  readonly perplexityAfter: number;
  readonly intervals: Readonly<Record<'before' | 'searched' | 'after', Omit<PerplexityEstimate, 'value'>>>;
  /** Of the model that is written; the interval is that of `deltaNll`, paired by window. */
  readonly teacherAgreement: Agreement;
  readonly baselines: Readonly<Record<string, CutSummary>>;
  /** Of the kept layers among all masks by test loss, from 1, where every one was measured. */
  readonly rank: { readonly rank: number; readonly of: number } | undefined;
  readonly task: E3Result['task'];
}

export interface CutSummary {
  readonly kept: readonly number[];
  readonly perplexitySearched: PerplexityEstimate;
  readonly perplexityAfter: PerplexityEstimate | undefined;
}

export function summaryOf(result: E3Result, seed: number): Summary {
  const cut = ownCut(result);
  const last = cut.recovered ?? cut.searched;
  const [before, searched, after] = [perplexityOf(result.base), perplexityOf(cut.searched), perplexityOf(last)];
  const interval = ({ low, high }: PerplexityEstimate) => ({ low, high });
  const others = Object.entries(result.cuts).filter(([name]) => name !== own);
  return {
    kept: cut.kept,
    dropped: droppedBy(result, cut.kept),
    perplexityBefore: before.value,
    perplexitySearched: searched.value,
    perplexityAfter: after.value,
    intervals: { before: interval(before), searched: interval(searched), after: interval(after) },
    teacherAgreement: agreementOf(last, seed),
    baselines: Object.fromEntries(others.map(([name, each]) => [name, cutSummary(each)])),
    rank: rankOf(result, cut.kept),
    task: result.task,
  };
}

/** The place of kept layers among all masks, from 1. */
export function rankOf({ ranked }: Pick<E3Result, 'ranked'>, kept: readonly number[]): Summary['rank'] {
  return ranked && { rank: 1 + ranked.findIndex((mask) => String(mask.kept) === String(kept)), of: ranked.length };
}

const cutSummary = ({ kept, searched, recovered }: Cut): CutSummary => ({
  kept,
  perplexitySearched: perplexityOf(searched),
  perplexityAfter: recovered && perplexityOf(recovered),
});

/** The layers that are not kept. */
export function droppedBy({ target }: Pick<E3Result, 'target'>, kept: readonly number[]): number[] {
  return Array.from({ length: target.layers }, (_, layer) => layer).filter((layer) => !kept.includes(layer));
}
