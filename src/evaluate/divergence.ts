/** log(sum(exp(logits))), in float64. */
export function logSumExp(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

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
  const ids: number[] = [];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] as number;
    if (ids.length === count && logit <= (logits[ids.at(-1) as number] as number)) continue;
    let at = ids.length;
    while (at > 0 && (logits[ids[at - 1] as number] as number) < logit) at--;
    ids.splice(at, 0, i);
    if (ids.length > count) ids.pop();
  }
  return {
    ids: Int32Array.from(ids),
    logprobs: Float64Array.from(ids, (id) => (logits[id] as number) - normaliser),
  };
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
