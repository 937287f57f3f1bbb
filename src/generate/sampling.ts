import { CriaError, type Random } from '../base/index.ts';
import { argmax } from '../model/index.ts';

/** How the next token is chosen from logits. The filters apply in this order, each on what the one before left. */
export interface Sampling {
  /** Logits of tokens that stand in the text are divided by it where positive, multiplied where negative. (Keskar et al. 2019) */
  readonly repeatPenalty: number;
  /** Subtracted from the logits of tokens that have been generated. */
  readonly presencePenalty: number;
  /** Subtracted from the logits of tokens as often as they have been generated. */
  readonly frequencyPenalty: number;
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens; 0 is all. */
  readonly topK: number;
  /** Only the fewest most likely tokens that together have this probability. (Holtzman et al. 2020) */
  readonly topP: number;
  /** Only tokens at least this likely, relative to the likeliest. (Nguyen et al. 2024) */
  readonly minP: number;
}

export const greedy: Sampling = {
  repeatPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
};

/**
 * The options that were given, and greedy where they were not.
 * @throws CriaError naming the option that is out of its range.
 */
export function samplingFrom(given: Partial<Sampling>): Sampling {
  const entries = Object.entries(greedy).map(([name, value]) => [name, given[name as keyof Sampling] ?? value]);
  const sampling = Object.fromEntries(entries) as Sampling;
  const wrong = (name: keyof Sampling, range: string) =>
    new CriaError(`${name} must be ${range} (got ${sampling[name]})`);
  const { repeatPenalty, presencePenalty, frequencyPenalty, temperature, topK, topP, minP } = sampling;
  if (!Number.isFinite(presencePenalty)) throw wrong('presencePenalty', 'a number');
  if (!Number.isFinite(frequencyPenalty)) throw wrong('frequencyPenalty', 'a number');
  if (!(repeatPenalty > 0 && Number.isFinite(repeatPenalty))) throw wrong('repeatPenalty', 'a number above 0');
  if (!(temperature >= 0 && Number.isFinite(temperature))) throw wrong('temperature', 'a number of at least 0');
  if (!(topK >= 0 && Number.isInteger(topK))) throw wrong('topK', 'an integer of at least 0');
  if (!(topP > 0 && topP <= 1)) throw wrong('topP', 'above 0 and at most 1');
  if (!(minP >= 0 && minP <= 1)) throw wrong('minP', 'from 0 to 1');
  return sampling;
}

/**
 * The next token after `history`, from its logits (which are changed when a penalty is set). `generated` counts the tokens
 * of the text without its prompt. -Infinity forbids a token.
 * @throws CriaError when no token is the likeliest: a logit is NaN or Infinity, or all are -Infinity.
 */
export function sample(
  logits: Float32Array,
  history: Iterable<number>,
  sampling: Sampling,
  random: Random,
  generated: ReadonlyMap<number, number> = new Map(),
): number {
  const { repeatPenalty, presencePenalty, frequencyPenalty, temperature, topK, topP, minP } = sampling;
  if (repeatPenalty !== 1) penalize(logits, history, repeatPenalty);
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const [id, count] of generated) {
      logits[id] = (logits[id] as number) - presencePenalty - frequencyPenalty * count;
    }
  }
  const likeliest = argmax(logits);
  if (temperature === 0) return likeliest;
  let probabilities = probabilitiesAt(temperature, logits, logits[likeliest] as number);
  if (topK > 0) probabilities = topFilter(probabilities, topK, () => 1);
  if (topP < 1) probabilities = topFilter(probabilities, topP * total(probabilities), (weight) => weight);
  return draw(probabilities, minP, random);
}

function penalize(logits: Float32Array, history: Iterable<number>, penalty: number): void {
  for (const id of new Set(history)) {
    const logit = logits[id];
    if (logit !== undefined) logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** Tokens that may be drawn. */
interface Probabilities {
  readonly ids: Uint32Array;
  /** By id: probability up to a factor; the likeliest token has 1. */
  readonly weights: Float64Array;
}

// e^-36 of the likeliest: a whole vocabulary of such tokens weighs less than the last bit of the number drawn
const negligible = -36;

function probabilitiesAt(temperature: number, logits: Float32Array, most: number): Probabilities {
  const ids = new Uint32Array(logits.length);
  const weights = new Float64Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id++) {
    const exponent = ((logits[id] as number) - most) / temperature;
    if (exponent < negligible) continue;
    ids[count++] = id;
    weights[id] = Math.exp(exponent);
  }
  return { ids: ids.subarray(0, count), weights };
}

/**
 * The fewest of the likeliest tokens whose sizes add up to `goal`, or all; of equally likely ones the first. Selects
 * around pivots as quickselect does, in linear time: a vocabulary is too large to be sorted for every token.
 */
function topFilter({ ids, weights }: Probabilities, goal: number, sizeOf: (weight: number) => number): Probabilities {
  const weightAt = (place: number) => weights[ids[place] as number] as number;
  const swap = (a: number, b: number) => {
    [ids[a], ids[b]] = [ids[b] as number, ids[a] as number];
  };
  let [from, to, reached] = [0, ids.length, 0]; // what lies before `from` is in, what lies from `to` on is out
  while (from < to && reached < goal) {
    swap((from + to) >> 1, to - 1);
    const [pivot, weight] = [ids[to - 1] as number, weightAt(to - 1)];
    let middle = from;
    let before = reached;
    for (let place = from; place < to - 1; place++) {
      const other = weightAt(place);
      if (other < weight || (other === weight && (ids[place] as number) > pivot)) continue;
      before += sizeOf(other);
      swap(place, middle++);
    }
    swap(middle, to - 1);
    if (before >= goal) to = middle;
    else [from, reached] = [middle + 1, before + sizeOf(weight)];
  }
  return { ids: ids.subarray(0, from), weights };
}

function total({ ids, weights }: Probabilities): number {
  let sum = 0;
  for (const id of ids) sum += weights[id] as number;
  return sum;
}

/** A token by its weight, out of those of at least the weight `least`. */
function draw({ ids, weights }: Probabilities, least: number, random: Random): number {
  const kept = least > 0 ? ids.filter((id) => (weights[id] as number) >= least) : ids;
  let left = random() * total({ ids: kept, weights });
  for (const id of kept) {
    left -= weights[id] as number;
    if (left < 0) return id;
  }
  return kept.at(-1) as number;
}
