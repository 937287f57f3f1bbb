import { likeliest } from '../model/index.ts';

/** A row of logits and its logSumExp. */
export interface Normalised {
  readonly logits: Float32Array;
  readonly normaliser: number;
}

/** KL(p || q) in nats, in float64; exactly 0 for equal rows. */
export function klDivergence(p: Normalised, q: Normalised): number {
  let weighted = 0;
  for (let i = 0; i < p.logits.length; i++) {
    const own = p.logits[i] as number;
    weighted += Math.exp(own - p.normaliser) * (own - (q.logits[i] as number));
  }
  return Math.max(0, weighted + q.normaliser - p.normaliser);
}

/** The likeliest tokens of a row of logits and what normalises them: enough to bound a divergence from it. */
export interface CompactRow {
  readonly ids: Int32Array;
  /** Log-probabilities of `ids`, the largest first. */
  readonly logprobs: Float64Array;
}

/** Keeps the `count` likeliest tokens of a row of logits. */
export function compactRow({ logits, normaliser }: Normalised, count: number): CompactRow {
  const best = likeliest(logits, count, normaliser);
  return { ids: Int32Array.from(best, ({ id }) => id), logprobs: Float64Array.from(best, ({ logprob }) => logprob) };
}

/**
 * A lower bound of KL(p || q): the divergence after all tokens but the kept ones of p are taken as one. (The data
 * processing inequality; Cover and Thomas 2006, section 2.8)
 */
export function klBound({ ids, logprobs }: CompactRow, q: Normalised): number {
  let [divergence, keptP, keptQ] = [0, 0, 0];
  for (let i = 0; i < ids.length; i++) {
    const [logP, logQ] = [logprobs[i] as number, (q.logits[ids[i] as number] as number) - q.normaliser];
    divergence += Math.exp(logP) * (logP - logQ);
    keptP += Math.exp(logP);
    keptQ += Math.exp(logQ);
  }
  const [restP, restQ] = [1 - keptP, Math.max(rounding, 1 - keptQ)];
  if (restP > rounding) divergence += restP * Math.log(restP / restQ);
  return Math.max(0, divergence);
}

const rounding = 1e-15; // what may be left of probabilities that sum to 1
