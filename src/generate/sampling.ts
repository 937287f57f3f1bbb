import { CriaError, type Random } from '../base/index.ts';

/** How the next token is chosen from logits. The filters apply in this order, each on what the one before left. */
export interface Sampling {
  /** Logits of tokens that stand in the text are divided by it where positive, multiplied where negative. (Keskar et al. 2019) */
  readonly repeatPenalty: number;
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens; 0 is all. */
  readonly topK: number;
  /** Only the most likely tokens that together have this probability. (Holtzman et al. 2020) */
  readonly topP: number;
  /** Only tokens at least this likely, relative to the likeliest. (Nguyen et al. 2024) */
  readonly minP: number;
}

export const greedy: Sampling = { repeatPenalty: 1, temperature: 0, topK: 0, topP: 1, minP: 0 };

/** @throws CriaError naming the option that is out of its range. */
export function checkSampling(sampling: Sampling): void {
  const wrong = (name: keyof Sampling, range: string) =>
    new CriaError(`${name} is ${sampling[name]}`, { remedy: `give ${range}` });
  if (!(sampling.temperature >= 0)) throw wrong('temperature', '0 or more');
  if (!(sampling.topK >= 0 && Number.isInteger(sampling.topK))) throw wrong('topK', 'a whole number, 0 for all');
  if (!(sampling.topP > 0 && sampling.topP <= 1)) throw wrong('topP', 'a number above 0, at most 1');
  if (!(sampling.minP >= 0 && sampling.minP <= 1)) throw wrong('minP', 'a number from 0 to 1');
  if (!(sampling.repeatPenalty > 0)) throw wrong('repeatPenalty', 'a number above 0; 1 is none');
}

/** The next token after `history`, from its logits (which are changed when a penalty is set). */
export function pick(logits: Float32Array, history: Iterable<number>, sampling: Sampling, random: Random): number {
  if (sampling.repeatPenalty !== 1) penalize(logits, history, sampling.repeatPenalty);
  if (sampling.temperature === 0) return argmax(logits);
  let kept = candidates(logits, sampling);
  if (sampling.topK > 0 || sampling.topP < 1) {
    kept.sort((a, b) => b.weight - a.weight || a.id - b.id);
    if (sampling.topK > 0) kept = kept.slice(0, sampling.topK);
    kept = nucleus(kept, sampling.topP);
  }
  const floor = sampling.minP * kept.reduce((most, { weight }) => Math.max(most, weight), 0);
  return draw(
    kept.filter(({ weight }) => weight >= floor),
    random,
  );
}

/** The index of the largest value, the first of equal ones. */
export function argmax(values: Float32Array): number {
  let best = 0;
  let most = values[0] as number;
  for (let i = 1; i < values.length; i++) {
    const x = values[i] as number;
    if (x > most) {
      most = x;
      best = i;
    }
  }
  return best;
}

interface Candidate {
  readonly id: number;
  /** Probability up to a factor; the likeliest has 1. */
  readonly weight: number;
}

// e^-30 of the likeliest: a whole vocabulary of such tokens weighs less than the uniform number's last bit
const negligible = -30;

/** Tokens that have a chance at the temperature. */
function candidates(logits: Float32Array, { temperature }: Sampling): Candidate[] {
  const most = logits[argmax(logits)] as number;
  const least = most + negligible * temperature;
  const kept: Candidate[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit >= least) kept.push({ id, weight: Math.exp((logit - most) / temperature) });
  }
  return kept;
}

/** The first tokens, in descending order, that reach the share `topP` of the weight. */
function nucleus(sorted: readonly Candidate[], topP: number): Candidate[] {
  if (topP >= 1) return [...sorted];
  const goal = topP * sorted.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  const end = sorted.findIndex(({ weight }) => {
    sum += weight;
    return sum >= goal;
  });
  return sorted.slice(0, end < 0 ? undefined : end + 1);
}

function draw(kept: readonly Candidate[], random: Random): number {
  let left = random() * kept.reduce((sum, { weight }) => sum + weight, 0);
  for (const { id, weight } of kept) {
    left -= weight;
    if (left < 0) return id;
  }
  return (kept.at(-1) as Candidate).id;
}

function penalize(logits: Float32Array, history: Iterable<number>, penalty: number): void {
  for (const id of new Set(history)) {
    const logit = logits[id];
    if (logit !== undefined) logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}
