import { CriaError, permutation, type Random } from '../../base/index.ts';
import type { Config } from '../../model/index.ts';

/** An attention head of a model. */
export interface Head {
  readonly layer: number;
  readonly head: number;
}

/** A head with how much it does of what is looked for. */
export interface ScoredHead extends Head {
  readonly score: number;
  /** Of the mean over prompts. */
  readonly standardError?: number;
}

const usualShare = 80 / 1024; // of Llama-2-7B's heads (Feucht, Wallace and Bau 2025, the authors' code)

export function allHeads({ layers, heads }: Pick<Config, 'layers' | 'heads'>): Head[] {
  return Array.from({ length: layers * heads }, (_, i) => ({ layer: Math.floor(i / heads), head: i % heads }));
}

/** How many heads a lens takes where it is not told. */
export function usualTop(heads: number): number {
  return Math.max(1, Math.round(usualShare * heads));
}

/** @throws CriaError when the option `where` asks for more heads than there are. */
export function refuseTooMany(k: number, heads: number, where: string): void {
  if (k > heads) throw new CriaError(`the model has ${heads} heads, not ${k}`, { where, remedy: 'use fewer' });
}

/** The heads of the highest scores, of equal ones the earlier first. @throws CriaError when they are fewer than `k`. */
export function topHeads(scored: readonly ScoredHead[], k: number): ScoredHead[] {
  refuseTooMany(k, scored.length, '--top');
  return [...scored].sort((a, b) => b.score - a.score || a.layer - b.layer || a.head - b.head).slice(0, k);
}

/** How many standard errors one of so many heads without any effect exceeds in less than one run of twenty. */
export function chanceOf(heads: number): number {
  return Math.sqrt(2 * Math.log(heads / (2 * 0.05))); // the tail of a normal beyond z is at most exp(-z^2 / 2) / 2
}

/**
 * How many of some heads, the best of `heads` of a model, score beyond chance; undefined where scores came without standard
 * errors.
 */
export function beyondChance(best: readonly ScoredHead[], heads: number): number | undefined {
  if (best.some(({ standardError }) => standardError === undefined)) return undefined;
  const least = chanceOf(heads);
  return best.filter(({ score, standardError = 0 }) => score > least * standardError).length;
}

/** `k` of the heads at random. */
export function randomHeads(heads: readonly Head[], k: number, random: Random): Head[] {
  return [...permutation(heads.length, random).subarray(0, k)].map((i) => heads[i] as Head);
}

/** Random heads, as many of each layer as `like` has, other ones where the layer has enough. */
export function layerMatchedHeads(heads: readonly Head[], like: readonly Head[], random: Random): Head[] {
  const taken = new Set(like.map(nameOf));
  return [...new Set(like.map(({ layer }) => layer))].flatMap((layer) => {
    const count = like.filter((each) => each.layer === layer).length;
    const own = heads.filter((each) => each.layer === layer);
    const shuffled = [...permutation(own.length, random)].map((i) => own[i] as Head);
    const others = shuffled.filter((each) => !taken.has(nameOf(each)));
    return [...others, ...shuffled.filter((each) => taken.has(nameOf(each)))].slice(0, count);
  });
}

/** 14.1: layer and head. */
export function nameOf({ layer, head }: Head): string {
  return `${layer}.${head}`;
}
