/** A module that may get rank, and what its input's components explain, from the first component on. */
export interface Candidate {
  readonly module: string;
  /** The most that it can get is their number. */
  readonly ratios: ArrayLike<number>;
}

/**
 * Shares `budget` ranks among modules: the components that explain most get one each. (Paischer et al. 2024, algorithm 1)
 * Equal ones are taken in the order of the modules, so that of those that read the same input the first gets most.
 * Components without variance get none, even where ranks are left: nothing could be learned through them.
 */
export function distributed(candidates: readonly Candidate[], budget: number): Map<string, number> {
  const every = candidates.flatMap(({ module, ratios }) => Array.from(ratios, (ratio) => ({ module, ratio })));
  const all = every.filter(({ ratio }) => ratio > negligible);
  const ranks = new Map(candidates.map(({ module }) => [module, 0]));
  const best = all.sort((a, b) => b.ratio - a.ratio).slice(0, budget); // the sort is stable
  for (const { module } of best) ranks.set(module, (ranks.get(module) as number) + 1);
  return ranks;
}

const negligible = 1e-12; // what rounding leaves of no variance

/** How many components are kept for a module of rank `rank`: rounded as Python does, halves to the even number. */
export function componentsFor(rank: number, rho: number): number {
  const exact = rank * rho;
  const below = Math.floor(exact);
  const rest = exact - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
