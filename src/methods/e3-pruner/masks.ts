import { permutation, type Watch } from '../../base/index.ts';
import { type Example, randomFor } from '../../train/index.ts';
import { topK } from './gumbel.ts';
import type { LayerEffects } from './layer-effects.ts';
import type { BaselineName } from './options.ts';
import type { Target } from './target.ts';

const randomMasks = 3;

/** The masks of a baseline by name: the layers that each keeps. `random` has three. */
export async function baselineMasks(
  name: BaselineName,
  target: Target,
  effects: () => Promise<LayerEffects>,
  texts: readonly Example[],
  seed: number,
  watch: Watch,
): Promise<Record<string, readonly number[]>> {
  const { free, drop } = target;
  switch (name) {
    case 'random':
      return Object.fromEntries(
        Array.from({ length: randomMasks }, (_, i) => {
          const order = permutation(free.length, randomFor(seed, `random mask ${i}`));
          return [
            `random-${i + 1}`,
            without(
              target,
              [...order.subarray(0, drop)].map((k) => free[k] as number),
            ),
          ];
        }),
      );
    case 'reverse':
      return { reverse: without(target, free.slice(-drop)) };
    case 'shortgpt': {
      const influence = await (await effects()).blockInfluence(texts, watch);
      const scores = free.map((layer) => -(influence[layer] as number));
      return { shortgpt: without(target, chosen(scores, free, drop)) };
    }
    case 'sleb':
      return { sleb: await greedy(target, async (kept) => (await effects()).lossWithout(texts, kept, watch)) };
  }
}

/** The names of all masks of baselines. */
export const maskNames = (baselines: readonly BaselineName[]): string[] =>
  baselines.flatMap((name) =>
    name === 'random' ? Array.from({ length: randomMasks }, (_, i) => `random-${i + 1}`) : [name],
  );

/**
 * Drops one layer after the other, each time the one without which the loss is lowest; the first and the last layer
 * stay. (SLEB, arXiv 2402.09025, algorithm 1) `lossWithout` gives the loss without each of the layers that are left.
 */
export async function greedy(
  { layers, free, drop }: Target,
  lossWithout: (kept: readonly number[]) => Promise<readonly number[]>,
): Promise<number[]> {
  let kept = Array.from({ length: layers }, (_, layer) => layer);
  for (let round = 0; round < drop; round++) {
    const losses = await lossWithout(kept);
    const allowed = kept.flatMap((layer, i) => (free.includes(layer) ? [{ layer, loss: losses[i] as number }] : []));
    const inner = allowed.filter(({ layer }) => layer !== 0 && layer !== layers - 1);
    const candidates = inner.length > 0 ? inner : allowed;
    const worst = candidates.reduce((a, b) => (b.loss < a.loss ? b : a));
    kept = kept.filter((layer) => layer !== worst.layer);
  }
  return kept;
}

/** The `count` layers with the largest scores. */
function chosen(scores: readonly number[], layers: readonly number[], count: number): number[] {
  const mask = topK(scores, count);
  return layers.filter((_, i) => mask[i] === 1);
}

function without({ layers }: Target, dropped: readonly number[]): number[] {
  return Array.from({ length: layers }, (_, layer) => layer).filter((layer) => !dropped.includes(layer));
}

/** Every set of layers that can be kept. */
export function masksOf(target: Target): number[][] {
  const { free, drop } = target;
  const subsets = (from: number, count: number): number[][] => {
    if (count === 0) return [[]];
    return free
      .slice(from, free.length - count + 1)
      .flatMap((layer, i) => subsets(from + i + 1, count - 1).map((rest) => [layer, ...rest]));
  };
  return subsets(0, drop).map((dropped) => without(target, dropped));
}
